#pragma once
// Two values of one result column in the order of the server's ORDER BY: what a merge of sorted
// answers stands on. Pure. What can't be compared exactly is refused when the comparison is chosen,
// never guessed.

#include "base/error.h"
#include "protocol/row_text.h"

struct column;

enum compare_method {
    COMPARE_NUMBER_TEXT,   // integers, DECIMAL, YEAR, exact floats, as decimal text
    COMPARE_SIGNED,        // binary rows: little-endian integers
    COMPARE_UNSIGNED,      //
    COMPARE_FLOAT,         // binary rows: IEEE 754, 4 bytes
    COMPARE_DOUBLE,        // ... 8 bytes
    COMPARE_BITS,          // BIT: big-endian bytes, in both protocols
    COMPARE_DATETIME_TEXT, // DATE, DATETIME, TIMESTAMP
    COMPARE_DATETIME_BINARY,
    COMPARE_TIME_TEXT, // with sign, hours to 838
    COMPARE_TIME_BINARY,
    COMPARE_STRING,  // by collation
    COMPARE_NOTHING, // TYPE_NULL: every value is NULL
};

// The next character's weight; moves *at on, at most to `end`.
typedef uint32_t (*compare_weight)(const uint8_t **at, const uint8_t *end);

struct comparison {
    enum compare_method method;
    bool is_descending;
    // COMPARE_STRING
    bool is_weights;       // not the value is compared, but the server's WEIGHT_STRING of it
    bool is_padded;        // the shorter value counts as filled up with blanks
    uint16_t blank;        // ... whose weight this is
    compare_weight weight; // of one character
    uint8_t ascii_end;     // the weights of bytes before this one are in the table
    uint16_t ascii[128];
};

struct comparison_wish {
    const struct column *column; // as the server described it
    bool is_binary;              // rows of the binary protocol
    bool is_descending;
    // The server's COLLATION(column), for a column definition names the collation of
    // character_set_results, not the column's own. ptr NULL: not known, then strings are refused
    // but for plain bytes.
    struct slice collation;
    // The server's WEIGHT_STRING of a blank in that collation, where values have theirs beside
    // them: then these are compared if need be (is_weights). ptr NULL: they have not.
    struct slice blank;
    bool
        is_sent_raw; // character_set_results is binary or NULL: then every column seems to be bytes
};

// False with *error (ER_CROSS_SHARD: what can't be compared, and the way out).
bool comparison_choose(struct comparison *comparison, const struct comparison_wish *wish,
                       struct error *error) MUST_CHECK;

// < 0: a comes first; 0: the server sees no difference; > 0. NULL is the smallest value; descending
// is taken into account. Malformed values have some order.
int compare_fields(const struct comparison *comparison, const struct field *a,
                   const struct field *b);
