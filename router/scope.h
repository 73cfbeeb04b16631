#pragma once
// Every table that a statement names anywhere, where its rows can be, and what belongs together.

#include "router/global_index.h"
#include "router/plan.h"
#include "router/sharding.h"

enum { SCOPE_REFS_MAX = 64 }; // servers join 61 tables at most

enum place {
    PLACE_SHARDED,
    PLACE_REFERENCE, // a copy on every shard
    PLACE_HOME,      // on one shard: unsharded and undeclared tables
    PLACE_SYSTEM,    // information_schema and the like: every server has its own
    PLACE_NOWHERE,   // derived tables, WITH names, DUAL: no table at all
};

// One table in a FROM list.
struct scope_ref {
    const struct table_ref *table;
    const struct table_config *config; // NULL: not declared
    enum place place;
    uint16_t home;        // PLACE_HOME
    uint16_t parent;      // union-find: tables whose rows meet only within a shard
    bool is_tied;         // of the root: follows a table of an outer query by key or id
    struct shard_set set; // of the root: shards that rows of the result can come from
};

// One FROM list with its WHERE: a SELECT, an arm of a UNION, an UPDATE, a DELETE.
struct scope {
    struct scope *outer; // whose columns it may use; NULL
    struct scope *next;  // of the statement; outer ones come first
    const struct route_request *request;
    const struct query *query; // NULL: UPDATE, DELETE
    struct scope_ref *refs;
    uint16_t ref_count;
    bool has_using;
    bool has_natural;
    bool has_nest;       // parentheses around joins
    bool has_outer_join; // LEFT or RIGHT
    bool is_top;         // of the statement itself, not of something inside
};

struct scopes {
    struct arena *arena;
    const struct route_request *request;
    struct scope *first;
    struct scope *last;
    bool wants_inner;  // there are subqueries to look for
    bool is_too_large; // a FROM list over SCOPE_REFS_MAX, or too many of them: nothing is known
    uint32_t count;
    const char *why;            // NULL unless request.wants_why
    struct index_wishes wishes; // what global indexes could say and were not asked
};

void scopes_init(struct scopes *scopes, struct arena *arena, const struct route_request *request,
                 const struct statement *statement);
// A query with all its arms and what is inside them.
void scopes_add_query(struct scopes *scopes, const struct query *query, struct scope *outer,
                      bool is_top);
// Tables with a condition that are no query (UPDATE, DELETE). NULL when there are too many tables.
struct scope *scopes_add_tables(struct scopes *scopes, const struct table_ref *tables,
                                const struct expr *where);
// The subqueries in an expression; `outer` may be NULL.
void scopes_add_inner(struct scopes *scopes, struct scope *outer, const struct expr *expr);
// Those that the calls above did not find, so that no table is overlooked.
void scopes_add_rest(struct scopes *scopes, const struct statement *statement);

enum attribute { ATTRIBUTE_NONE, ATTRIBUTE_KEY, ATTRIBUTE_ID, ATTRIBUTE_INDEX };

// Resolves one table name by itself.
void scope_place(const struct route_request *request, const struct table_ref *table,
                 struct scope_ref *ref);
struct scope_ref *scope_root(struct scope *scope, struct scope_ref *ref);
// "shop.orders", as declared or as written; in the arena.
const char *scope_table_name(struct arena *arena, const struct scope_ref *ref);
// Do equal values of the attribute mean the same shard?
bool scope_are_together(const struct scope_ref *a, const struct scope_ref *b,
                        enum attribute attribute) MUST_CHECK;

// A column that places rows. scope NULL: not one, or not certain.
struct scope_column {
    struct scope *scope;
    struct scope_ref *ref;
    enum attribute attribute;
    const struct index_config *index; // ATTRIBUTE_INDEX
};

// Looks in the scope, then in the outer ones.
struct scope_column scope_find_column(struct scope *scope, const struct expr *expr);
enum attribute scope_attribute(const struct scope_ref *ref, struct slice name);

// What all scopes need together.
struct reach {
    struct shard_set shards; // of sharded tables and homes
    bool has_sharded, has_reference, has_home, has_system;
    struct scope_ref *widest; // the sharded table with most shards; NULL
    struct scope *widest_scope;
};
void scopes_reach(const struct scopes *scopes, struct reach *reach);
