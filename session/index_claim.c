// Of one value that a server lacks (the statement is run again at the end):
//
//     ENTERING --> ASKING --> (whose is it?)
//                    ^          | the shard's own, a version that it has not lost --> HERE --> then
//                    |          | ... one that it has lost ----------+
//                    |          | another shard's --> REVOKING ------+
//                    |                     a row has it: 1062        v
//                    +-------------------------------------------- RAISING
//
// ... or another row of the same statement has it on another shard: TELLING.
//
// ENTERING claims it if nobody has; REVOKING takes it from the other shard, durably; RAISING adds
// the next version to what ASKING has found, if nobody else did meanwhile, which ASKING then sees.
// So a version has one owner for ever, and is valid there until it was lost there; the next one is
// only made after that.
//
// Ahead of a plain INSERT, of all values that can be read in it, one index after the other:
// ENTERING, ASKING, and HERE of those that are the shards' own. What is another's is left for the
// server to find. Nothing of that has to succeed.
//
// HERE belongs to the client's transaction where that has the shard, since the trigger's look may
// have locked what is not there; all else is by itself.

#include "session/index_claim.h"

#include "parser/literal.h"
#include "protocol/error_table.h"
#include "router/index_claim.h"
#include "router/scope.h"
#include "session/flow_single.h"
#include "session/gather.h"
#include "session/index_enter.h"
#include "session/index_values.h"
#include "session/query.h"

enum { ROUNDS_MAX = 100, LOCK_WAIT = 1205, DUPLICATE = 1062 };
enum { AT_VALUE, AT_SHARD, AT_VERSION, FIELDS };

enum claim_state { ENTERING, ASKING, HERE, REVOKING, RAISING, TELLING };

struct found { // the newest claim of a value
    struct slice value;
    uint64_t version;
    uint16_t shard; // NO_SHARD: the configuration has not that shard
};

struct claim_flow {
    struct flow flow; // first
    enum claim_state state;
    struct index_items items; // of all indexes
    const struct index_config *index;
    struct claim_index claims; // of it
    bool is_named;             // one value, that the server lacks
    struct claim_lack lack;
    struct found *found; // in the arena
    uint32_t found_count, missing, rounds;
    uint64_t entered;
    bool is_inside;     // in this round something belongs to the client's transaction
    struct error error; // code 0: none
    struct gather *gathers;
    void (*then)(struct session *session, struct request *request);
};

static struct claim_flow *claim_of(struct flow *flow)
{
    return CONTAINER_OF(flow, struct claim_flow, flow);
}

static void start_round(struct claim_flow *claim, enum claim_state state);
static void on_round_end(struct claim_flow *claim);

// ---- ends

static void end(struct claim_flow *claim)
{
    struct session *session = claim->flow.session;
    struct request *request = claim->flow.request;
    session->flow = NULL; // this flow is over, the command is not
    claim->then(session, request);
}

static bool is_plain(const struct statement *statement)
{
    const struct insert_part *insert = statement->insert;
    if (insert != NULL) {
        return statement->kind == STATEMENT_INSERT && !insert->is_ignore &&
               insert->on_duplicate == NULL;
    }
    return statement->change != NULL && !statement->change->is_ignore;
}

static const char *shard_name(const struct claim_flow *claim, uint16_t shard)
{
    const struct config *config = session_config(claim->flow.session);
    return shard < config->shard_count ? config->shards[shard].name : "?";
}

static void fail_elsewhere(struct claim_flow *claim, const char *why)
{
    struct error error;
    struct slice text =
        arena_format(&claim->flow.session->arena,
                     "A value of the unique index %s belongs to shard %s, %s", claim->index->name,
                     claim->found_count > 0 ? shard_name(claim, claim->found[0].shard) : "?", why);
    error_fill(&error, ER_UNIQUE_ELSEWHERE, (const char *)text.ptr);
    flow_fail(&claim->flow, &error);
}

// ---- answers

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct claim_flow *claim = claim_of(flow);
    struct gather *gather = &claim->gathers[leg->command.tag];
    gather_add(gather, &flow->session->arena, bytes, len);
    if (last == NULL) {
        return;
    }
    if (last->is_error && claim->error.code == 0) {
        gather_error(gather, &claim->error);
    }
    claim->entered += last->affected_rows;
    if (leg->is_held) {
        leg_drop_held(leg);
    }
    if (--claim->missing == 0) {
        on_round_end(claim);
    }
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    (void)leg;
    flow_fail(flow, error);
}

static const struct flow_kind claim_kind = {
    .name = "claiming for an index",
    .on_answer = on_answer,
    .on_failed = on_failed,
};

static struct slice hex_field(struct arena *arena, struct slice digits)
{
    struct slice text = arena_format(arena, "0x%.*s", (int)digits.len, (const char *)digits.ptr);
    return literal_hex(arena, text);
}

static bool take_row(void *owner, struct slice row)
{
    struct claim_flow *claim = owner;
    struct session *session = claim->flow.session;
    struct field fields[FIELDS];
    struct found found = {.shard = NO_SHARD};
    if (!row_text_read(row, fields, FIELDS) || fields[AT_VALUE].is_null ||
        fields[AT_SHARD].is_null || fields[AT_VERSION].is_null ||
        !slice_to_uint64(fields[AT_VERSION].bytes, &found.version) ||
        claim->found_count == INDEX_ITEMS_MAX) {
        return false;
    }
    struct slice name = hex_field(&session->arena, fields[AT_SHARD].bytes);
    const struct shard_config *shard = config_find_shard(session_config(session), name);
    found.value = hex_field(&session->arena, fields[AT_VALUE].bytes);
    found.shard = shard != NULL ? shard->id : NO_SHARD;
    claim->found[claim->found_count++] = found;
    return true;
}

static bool take_answers(struct claim_flow *claim)
{
    struct session *session = claim->flow.session;
    const uint16_t shard_count = session_config(session)->shard_count;
    bool is_fine = claim->error.code == 0;
    claim->found_count = 0;
    for (uint16_t i = 0; i < shard_count && is_fine; i++) {
        struct gather *gather = &claim->gathers[i];
        is_fine =
            gather->len == 0 || gather_each_row(gather, session->capabilities, take_row, claim);
    }
    return is_fine;
}

// ---- questions

static void start(struct claim_flow *claim, uint16_t shard, struct text *sql)
{
    struct session *session = claim->flow.session;
    bool is_taken = leg_in_transaction(session, shard) ||
                    (session->pin != NULL && session->pin->shard == shard);
    bool is_inside = is_taken && claim->state == HERE;
    struct leg_command command = {
        .shard = shard,
        .access = ACCESS_WRITE,
        .kind = ANSWER_QUERY,
        .packet = flow_frame_query(&session->arena, text_slice(sql)),
        .is_outside = !is_inside,
        .state = is_inside ? claim->flow.request->state : session_state_apart(session),
        .tag = shard,
    };
    claim->missing++;
    claim->is_inside |= is_inside;
    if (!is_inside && is_taken) {
        command.wants_hold = true;
        (void)leg_start_apart(&claim->flow, &command);
    } else {
        (void)leg_start(&claim->flow, &command);
    }
}

static bool is_item_of(const struct claim_flow *claim, uint32_t number, uint16_t home)
{
    const struct index_item *item = &claim->items.items[number];
    return item->index == claim->index &&
           index_home(session_config(claim->flow.session), item->index, item->value) == home;
}

static bool is_wanted_on(const struct claim_flow *claim, uint16_t shard)
{
    for (uint32_t i = 0; i < claim->items.count; i++) {
        if (claim->items.items[i].index == claim->index && claim->items.items[i].shard == shard) {
            return true;
        }
    }
    return false;
}

static void add_claims(struct claim_flow *claim, uint16_t home, struct text *sql)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < claim->items.count; i++) {
        const struct index_item *item = &claim->items.items[i];
        if (is_item_of(claim, i, home)) {
            uint64_t version = claim->state == RAISING ? claim->found[0].version + 1 : 1;
            claim_add_claim(sql, &claim->claims, item->value, version,
                            shard_name(claim, item->shard), count++ == 0);
        }
    }
}

static void add_question(struct claim_flow *claim, uint16_t home, struct text *sql)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < claim->items.count; i++) {
        if (is_item_of(claim, i, home)) {
            text_add_string(sql, count > 0 ? ", " : "");
            if (count++ == 0) {
                claim_begin_question(sql, &claim->claims);
            }
            claim_add_value(sql, claim->claims.is_integer, claim->items.items[i].value);
        }
    }
    text_add_string(sql, count > 0 ? ") LIMIT 1000000" : ""); // not sql_select_limit
}

static void add_here(struct claim_flow *claim, uint16_t shard, struct text *sql)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < claim->found_count; i++) {
        const struct found *found = &claim->found[i];
        if (found->shard == shard && is_wanted_on(claim, shard)) {
            claim_add_here(sql, &claim->claims, found->value, found->version, count++ == 0);
        }
    }
    if (count > 0) {
        claim_end_here(sql);
    }
}

// What the shard has to be told in this round.
static void write_round(struct claim_flow *claim, uint16_t shard, struct text *sql)
{
    switch (claim->state) {
    case ENTERING:
    case RAISING:
        add_claims(claim, shard, sql);
        break;
    case ASKING:
        add_question(claim, shard, sql);
        break;
    case HERE:
        add_here(claim, shard, sql);
        break;
    case REVOKING:
        if (claim->found[0].shard == shard) {
            claim_add_revoke(sql, &claim->claims, claim->lack.value, claim->found[0].version,
                             !leg_in_transaction(claim->flow.session, shard));
        }
        break;
    case TELLING:
        if (claim->items.items[0].shard == shard) {
            claim_add_duplicate(sql, &claim->claims, claim->lack.value);
        }
        break;
    }
}

static void start_round(struct claim_flow *claim, enum claim_state state)
{
    const struct config *config = session_config(claim->flow.session);
    claim->state = state;
    claim->entered = 0;
    claim->is_inside = false;
    claim->error.code = 0;
    claim->missing = 1; // this one
    for (uint16_t i = 0; i < config->shard_count; i++) {
        struct text sql;
        text_init(&sql);
        claim->gathers[i] = (struct gather){.len = 0};
        if (!config->shards[i].is_removed) {
            write_round(claim, i, &sql);
        }
        if (sql.len > 0) {
            start(claim, i, &sql);
        }
        text_done(&sql);
    }
    if (--claim->missing == 0) {
        on_round_end(claim);
    }
}

// ---- between the rounds: ahead

// In the order of the configuration.
static bool begin_next_index(struct claim_flow *claim)
{
    const struct index_config *next = NULL;
    for (uint32_t i = 0; i < claim->items.count; i++) {
        const struct index_config *index = claim->items.items[i].index;
        if ((claim->index == NULL || index > claim->index) && (next == NULL || index < next)) {
            next = index;
        }
    }
    if (next == NULL) {
        return false;
    }
    claim->index = next;
    claim->claims = claim_index_of(session_config(claim->flow.session), next);
    return true;
}

static void begin_index_or_end(struct claim_flow *claim)
{
    if (begin_next_index(claim)) {
        start_round(claim, ENTERING);
    } else {
        end(claim);
    }
}

// They are new, all of them: nobody has to be asked. False: one was there.
static bool are_all_new(struct claim_flow *claim)
{
    claim->found_count = 0;
    for (uint32_t i = 0; i < claim->items.count; i++) {
        const struct index_item *item = &claim->items.items[i];
        if (item->index == claim->index) {
            claim->found[claim->found_count++] =
                (struct found){.value = item->value, .version = 1, .shard = item->shard};
        }
    }
    return claim->entered == claim->found_count;
}

static void go_on_ahead(struct claim_flow *claim)
{
    bool is_fine = claim->error.code == 0;
    if (!is_fine && claim->is_inside) {
        struct error error = claim->error;
        flow_fail(&claim->flow, &error);
    } else if (claim->state == ENTERING && is_fine) {
        start_round(claim, are_all_new(claim) ? HERE : ASKING);
    } else if (claim->state == ASKING && take_answers(claim)) {
        start_round(claim, HERE);
    } else {
        begin_index_or_end(claim);
    }
}

// ---- ... of the one that a server lacks

// The claim is for another row of the statement, which is to be on that shard.
static bool is_of_statement(const struct claim_flow *claim)
{
    const struct index_items *items = claim->flow.request->claimed;
    for (uint32_t i = 0; i < items->count; i++) {
        const struct index_item *item = &items->items[i];
        if (item->index == claim->index && item->shard == claim->found[0].shard &&
            slice_equal(item->value, claim->found[0].value)) {
            return true;
        }
    }
    return false;
}

static void decide(struct claim_flow *claim)
{
    const struct found *found = &claim->found[0];
    if (claim->found_count != 1 || claim->rounds++ == ROUNDS_MAX) {
        fail_elsewhere(claim, "or is being moved between shards: try again");
    } else if (found->shard == NO_SHARD) {
        fail_elsewhere(claim, "which is not in the configuration");
    } else if (found->shard != claim->items.items[0].shard) {
        start_round(claim, is_of_statement(claim) ? TELLING : REVOKING);
    } else {
        start_round(claim, found->version > claim->lack.after ? HERE : RAISING);
    }
}

static void fail(struct claim_flow *claim)
{
    struct session *session = claim->flow.session;
    struct error error = claim->error;
    bool is_revoking = claim->state == REVOKING;
    if (error.code == DUPLICATE && !is_plain(claim->flow.request->statement)) {
        fail_elsewhere(claim, "where a row has it: IGNORE, REPLACE and ON DUPLICATE KEY UPDATE "
                              "find duplicates on the row's own shard only. Nothing was done");
    } else if (is_revoking && error.code == LOCK_WAIT &&
               leg_in_transaction(session, claim->found[0].shard)) {
        fail_elsewhere(claim, "where this transaction or another has locked it: COMMIT what is "
                              "done there first, then write the value here. Nothing was done");
    } else {
        flow_fail(&claim->flow, &error);
    }
}

static void go_on(struct claim_flow *claim)
{
    if (claim->error.code != 0) {
        fail(claim);
        return;
    }
    switch (claim->state) {
    case ENTERING:
    case RAISING:
        start_round(claim, ASKING);
        break;
    case ASKING:
        claim->found_count = take_answers(claim) ? claim->found_count : 0;
        decide(claim);
        break;
    case REVOKING:
        start_round(claim, RAISING);
        break;
    case HERE:
    case TELLING:
        end(claim);
        break;
    }
}

static void on_round_end(struct claim_flow *claim)
{
    if (claim->is_named) {
        go_on(claim);
    } else {
        go_on_ahead(claim);
    }
}

// ---- starts

static struct claim_flow *claim_new(struct session *session,
                                    void (*then)(struct session *session, struct request *request))
{
    struct claim_flow *claim = arena_alloc(&session->arena, sizeof *claim);
    const struct config *config = session_config(session);
    claim->then = then;
    claim->gathers = arena_alloc(&session->arena, config->shard_count * sizeof *claim->gathers);
    claim->found = arena_alloc(&session->arena, INDEX_ITEMS_MAX * sizeof *claim->found);
    index_items_init(&claim->items, session);
    return claim;
}

static void know_values(struct session *session, struct request *request)
{
    if (request->claimed == NULL) {
        request->claimed = arena_alloc(&session->arena, sizeof *request->claimed);
        index_items_init(request->claimed, session);
        index_items_add_targets(request->claimed, request, true);
    }
}

bool index_claim_start(struct session *session, struct request *request,
                       const struct plan_target *target, const struct error *error)
{
    struct slice key;
    struct claim_lack lack;
    if (!index_enter_is_possible(session, request) ||
        !claim_read_lack(&session->arena, slice_of_string(error->text), &key, &lack)) {
        return false;
    }
    const struct index_config *index = index_find(session_config(session), key);
    if (index == NULL) {
        return false;
    }
    struct claim_flow *claim = claim_new(session, query_run_plan);
    struct index_item item = {index, lack.value, target->shard};
    claim->is_named = true;
    claim->lack = lack;
    index_items_add(&claim->items, item);
    know_values(session, request);
    index_items_add(request->claimed, item);
    request->index_tries++;
    flow_begin(&claim->flow, &claim_kind, session, request);
    begin_index_or_end(claim);
    return true;
}

// Of several duplicates one server updates the one that its first key finds: it may be elsewhere
// while another is here.
static void refuse_update(struct session *session, struct request *request)
{
    struct error error;
    error_fill(&error, ER_UNIQUE_ELSEWHERE,
               "ON DUPLICATE KEY UPDATE can't be done exactly for a table with a unique index over "
               "all shards, since the duplicate may be on another one: UPDATE the row, and INSERT "
               "it if there was none. Nothing was done");
    query_refuse(session, request, &error);
}

bool index_claim_ahead(struct session *session, struct request *request,
                       void (*then)(struct session *session, struct request *request))
{
    const struct statement *statement = request->statement;
    if (request->has_claimed || !index_enter_is_possible(session, request) ||
        statement->insert == NULL || !index_claim_is_touched(session, request)) {
        return false;
    }
    if (statement->insert->on_duplicate != NULL) {
        refuse_update(session, request);
        return true;
    }
    if (statement->insert->rows == NULL || !is_plain(statement) || request->bulk != NULL) {
        return false;
    }
    request->has_claimed = true;
    know_values(session, request);
    if (request->claimed->count == 0) {
        return false;
    }
    struct claim_flow *claim = claim_new(session, then);
    claim->items = *request->claimed;
    flow_begin(&claim->flow, &claim_kind, session, request);
    begin_index_or_end(claim);
    return true;
}

static bool sets(const struct assignment *assignment, const char *column)
{
    while (assignment != NULL && !slice_is_nocase(assignment->column->name, column)) {
        assignment = assignment->next;
    }
    return assignment != NULL;
}

bool index_claim_is_touched(const struct session *session, struct request *request)
{
    const struct statement *statement = request->statement;
    struct route_request route = query_route_request(session, request);
    for (const struct table_ref *table = statement->tables; table != NULL; table = table->next) {
        struct scope_ref ref;
        scope_place(&route, table, &ref);
        const struct index_config *index = ref.config != NULL ? ref.config->indexes : NULL;
        for (; index != NULL; index = index->next) {
            if (index->is_unique &&
                (statement->insert != NULL ||
                 (statement->change != NULL && sets(statement->change->set, index->column)))) {
                return true;
            }
        }
    }
    return false;
}
