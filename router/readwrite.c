// Primary or replica, and what a hint in a comment asks for:
//
//     /* waybill: primary */            a read that must see the newest state
//     /* waybill: shard=s1 */           this shard, whatever the router would say
//     /* waybill: shard=s1, primary */  both

#include "router/declaration.h"
#include "router/plan_impl.h"

static bool is_write_kind(const struct statement *statement)
{
    static const bool writes[STATEMENT_UNKNOWN + 1] = {
        [STATEMENT_INSERT] = true, [STATEMENT_REPLACE] = true, [STATEMENT_UPDATE] = true,
        [STATEMENT_DELETE] = true, [STATEMENT_DDL] = true,     [STATEMENT_LOAD] = true,
        [STATEMENT_ADMIN] = true,  [STATEMENT_XA] = true,      [STATEMENT_UNKNOWN] = true,
    };
    if (statement->kind == STATEMENT_EXPLAIN && statement->inner != NULL) {
        return writes[statement->inner->kind]; // ANALYZE UPDATE really updates
    }
    return writes[statement->kind];
}

// On a replica an event is another one: it doesn't run there (DISABLE ON SLAVE).
static bool shows_events(const struct statement *statement)
{
    return statement->kind == STATEMENT_SHOW && (slice_is_nocase(statement->name, "EVENTS") ||
                                                 slice_is_nocase(statement->name, "CREATE EVENT"));
}

enum plan_access plan_access_of(const struct planner *planner)
{
    const struct statement *statement = planner->statement;
    uint32_t primary_facts = FACT_LOCKS_ROWS | FACT_NEEDS_PRIMARY | FACT_TABLE_LOCK |
                             FACT_NAMED_LOCK | FACT_TEMPORARY_TABLE | FACT_SETS_USER_VARIABLE;
    if ((statement->facts & (FACT_WRITES | FACT_UNKNOWN_FUNCTION)) != 0 || // which may write
        is_write_kind(statement)) {
        return ACCESS_WRITE;
    }
    if ((statement->facts & primary_facts) != 0 || planner->wants_primary ||
        planner->request->in_transaction || statement->kind == STATEMENT_LOCK ||
        statement->kind == STATEMENT_CALL || statement->kind == STATEMENT_HANDLER ||
        shows_events(statement)) {
        return ACCESS_PRIMARY;
    }
    return ACCESS_REPLICA;
}

// Quotes may stand around it or not.
static bool hint_once(struct planner *planner, struct slice name)
{
    enum { ONCE_BYTES_MAX = 64 };
    static const char others[] = "._:-";
    bool is_quoted = name.len >= 2 && name.ptr[0] == '\'' && name.ptr[name.len - 1] == '\'';
    planner->once = is_quoted ? slice_part(name, 1, name.len - 1) : name;
    bool is_fine = planner->once.len > 0 && planner->once.len <= ONCE_BYTES_MAX;
    for (size_t i = 0; i < planner->once.len && is_fine; i++) {
        uint8_t byte = planner->once.ptr[i], lower = byte | 32;
        is_fine = (lower >= 'a' && lower <= 'z') || (byte >= '0' && byte <= '9') ||
                  (byte != 0 && strchr(others, byte) != NULL);
    }
    return is_fine ||
           plan_refuse(planner, ER_UNKNOWN,
                       "The name in the hint once='...' has 1 to %d letters, digits, and . _ : -",
                       ONCE_BYTES_MAX);
}

static bool hint_word(struct planner *planner, struct slice word)
{
    if (slice_is_nocase(word, "primary")) {
        planner->wants_primary = true;
        return true;
    }
    if (word.len > 6 && slice_is_nocase(slice_part(word, 0, 6), "shard=")) {
        struct slice name = slice_part(word, 6, word.len);
        const struct shard_config *shard = config_find_shard(planner->config, name);
        if (shard == NULL || shard->is_removed) {
            return plan_refuse(planner, ER_UNKNOWN,
                               "The hint names shard '%.*s', which is not in the configuration",
                               (int)name.len, (const char *)name.ptr);
        }
        planner->hint_shard = shard->id;
        return true;
    }
    if (word.len >= 5 && slice_is_nocase(slice_part(word, 0, 5), "once=")) {
        return hint_once(planner, slice_part(word, 5, word.len));
    }
    if (hint_declares_by(word)) { // what it says was looked at by who declares
        const struct ddl_part *ddl = planner->statement->ddl;
        return planner->request->declares ||
               plan_refuse(planner, ER_DECLARATION, "Words that declare a table (%.*s) %s",
                           (int)(word.len < 64 ? word.len : 64), (const char *)word.ptr,
                           ddl != NULL && ddl->kind == DDL_CREATE_TABLE
                               ? "are for clients: EXPLAIN ROUTE of a client shows the plan"
                               : "belong into a comment of CREATE TABLE");
    }
    return plan_refuse(
        planner, ER_UNKNOWN,
        "Unknown word '%.*s' in a /* waybill: ... */ hint. The words are: "
        "shard=NAME, primary, once='NAME'; in CREATE TABLE shard_by=COLUMN and the like",
        (int)(word.len < 64 ? word.len : 64), (const char *)word.ptr);
}

bool plan_hint(struct planner *planner)
{
    struct slice rest = planner->statement->hint;
    for (struct slice word = hint_next_word(&rest); word.len > 0; word = hint_next_word(&rest)) {
        if (!hint_word(planner, word)) {
            return false;
        }
    }
    return true;
}
