#pragma once
// One line of SQL and the line that its tree is printed as (tests/support/tree_text.h).

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

#include "tests/support/tree_text.h"

struct parser_case {
    const char *sql;
    const char *tree;
};

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

static const struct parse_options mariadb = {.is_mariadb = true, .server_version = 101119};

static inline void check_case(const struct parser_case *one, const struct parse_options *options)
{
    struct arena arena;
    struct text out;
    struct statement *statement;
    arena_init(&arena, NULL);
    text_init(&out);
    enum parse_result result =
        parse_statement(&arena, slice_of_string(one->sql), options, &statement);
    tree_text(&out, result, statement);
    text_add(&out, "", 1);
    if (strcmp((const char *)out.ptr, one->tree) != 0) {
        print_error("%s\n  is      %s\n  expected %s\n", one->sql, (const char *)out.ptr,
                    one->tree);
        fail();
    }
    text_done(&out);
    arena_clear(&arena);
}

static inline void check_cases(const struct parser_case *cases, size_t count,
                               const struct parse_options *options)
{
    for (size_t i = 0; i < count; i++) {
        check_case(&cases[i], options);
    }
}
