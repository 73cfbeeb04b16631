#pragma once
// What functions and system variables mean for a statement.

#include "parser/tree.h"

enum function_class {
    FUNCTION_UNKNOWN,   // not one of the server's own: stored, or loaded
    FUNCTION_PLAIN,     // of its arguments (and the session's settings) only
    FUNCTION_AGGREGATE, // of many rows
    FUNCTION_WINDOW,    // only with OVER
};

struct function_facts {
    enum function_class kind;
    uint32_t facts;          // enum fact
    uint32_t argument_facts; // instead of `facts` when it is called with arguments
};

struct function_facts function_facts(struct slice name);
uint32_t variable_facts(struct slice name); // of @@name
bool is_system_schema(struct slice name);
