#pragma once
// A deep page: ORDER BY x LIMIT 10 OFFSET 1000000 over several shards. Merged as it is, each shard
// would send its first 1000010 rows. Instead the shards are asked for a value of x that is not
// behind the page, and how many rows they have before it: those are left out.
//
//     SELECT x .. ORDER BY x LIMIT 1 OFFSET 62500        page_place: of each shard, one value
//     SELECT COUNT(CASE WHEN x < 'b' THEN 1 END), ..     page_count: rows before each of them
//         ... again, among the rows from there on, until few are left to be skipped
//     SELECT .. WHERE x >= 'b' ORDER BY x LIMIT 25       page_rows: 15 to be skipped, 10 for the
//     page
//
// Whatever value is taken, all rows before it come before all others, so it is exact for any. It
// takes one moment of each shard: all of this runs in one transaction there (session/flow_page.h).

#include "router/plan.h"

// So few rows before a page of so many are not worth another question.
uint64_t page_goal(uint64_t limit);

struct page_plan {
    bool wants_text; // of a prepared statement: its text with the values in it has the page
    bool is_inside;  // a transaction of the client: all is asked on its connections
    const struct query *query;
    struct slice text;              // the statement's
    struct slice key;               // the first expression of ORDER BY
    bool is_descending;             // by it
    const struct splice *splices;   // what the targets' text has that the client's hasn't, but for
    uint32_t splice_count;          // LIMIT
    const struct table_ref *tables; // by name all of them
    uint32_t table_count;
    struct slice database; // of tables without one
};

// Rows are counted, and left out, from a bound on: a literal, or ptr NULL for all rows.
struct slice page_tables(struct arena *arena, const struct page_plan *page);
enum {
    PAGE_TABLES_FIELDS = 4
}; // how many tables are InnoDB's, the time zone, that of the server, the isolation
struct slice page_key(struct arena *arena, const struct page_plan *page); // no rows: only its type
enum {
    PAGE_PLACE_FIELDS = 2
}; // the key: a string as hexadecimal digits of its beginning; its
   // collation
struct slice page_place(struct arena *arena, const struct page_plan *page, struct slice bound,
                        bool is_string, uint64_t place);
// One row with a number for each of the bounds: rows before it, of those from `bound` on.
struct slice page_count(struct arena *arena, const struct page_plan *page, struct slice bound,
                        const struct slice *bounds, uint32_t count);
// What a target is asked for.
struct slice page_rows(struct arena *arena, const struct page_plan *page, struct slice bound,
                       uint64_t limit);
