// One question to the primary of each home shard, all at one time and beside the client's
// transaction: entries are there before rows, so what has no entry now has no row that any snapshot
// of before could show.

#include "session/index_ask.h"

#include "parser/literal.h"
#include "protocol/row_text.h"
#include "router/global_index.h"
#include "session/flow_single.h"
#include "session/gather.h"
#include "session/table_locks.h"

enum { AT_INDEX, AT_VALUE, AT_SHARD, FIELDS };

struct home { // a shard that is asked
    uint16_t shard;
    bool is_answered;
    struct gather gather;
};

struct index_flow {
    struct flow flow; // first
    struct index_wishes *wishes;
    struct home *homes;
    uint32_t home_count, missing;
    void (*then)(struct session *session, struct request *request);
};

static struct index_flow *flow_of(struct flow *flow)
{
    return CONTAINER_OF(flow, struct index_flow, flow);
}

bool index_may_be_asked(const struct session *session, const struct request *request)
{
    const uint32_t facts = request->statement->facts;
    // A locking read locks what isn't there, too: on all shards.
    return session->pin == NULL && !table_locks_are_held(session) && request->bulk == NULL &&
           request->pin_reason == NULL && session_config(session)->index_count > 0 &&
           (facts & FACT_LOCKS_ROWS) == 0;
}

// ---- the answer

struct reading_rows {
    struct index_flow *ask;
    uint16_t home;
    struct shard_set *ready, *found; // of each wish
};

static struct slice hex_field(struct arena *arena, struct slice digits)
{
    struct slice text = arena_format(arena, "0x%.*s", (int)digits.len, (const char *)digits.ptr);
    return literal_hex(arena, text);
}

// A name that the configuration does not have is any shard.
static struct shard_set shard_named(const struct session *session, struct slice name)
{
    const struct shard_config *shard = config_find_shard(session_config(session), name);
    return shard != NULL ? shard_set_of(shard->id) : shard_set_all();
}

static bool take_row(void *owner, struct slice row)
{
    struct reading_rows *reading = owner;
    struct session *session = reading->ask->flow.session;
    struct arena *arena = &session->arena;
    struct field fields[FIELDS];
    if (!row_text_read(row, fields, FIELDS) || fields[AT_INDEX].is_null ||
        fields[AT_VALUE].is_null || fields[AT_SHARD].is_null) {
        return false;
    }
    struct slice key = hex_field(arena, fields[AT_INDEX].bytes);
    struct slice value = hex_field(arena, fields[AT_VALUE].bytes);
    struct shard_set shard = shard_named(session, hex_field(arena, fields[AT_SHARD].bytes));
    const struct config *config = session_config(session);
    for (uint32_t i = 0; i < reading->ask->wishes->count; i++) {
        const struct index_wish *wish = &reading->ask->wishes->items[i];
        if (!slice_equal(key, slice_of_string(wish->index->key)) ||
            index_wish_home(config, wish) != reading->home) {
            continue;
        }
        if (slice_equal(value, wish->value) || slice_equal(value, index_other())) {
            reading->found[i].bits |= shard.bits;
        } else if (slice_equal(value, index_ready())) {
            reading->ready[i].bits |= shard.bits;
        }
    }
    return true;
}

// Rows may be where there are entries, and where not all rows have theirs.
static void take_answer(struct index_flow *ask, const struct home *home)
{
    struct session *session = ask->flow.session;
    const size_t bytes = ask->wishes->count * sizeof(struct shard_set);
    struct reading_rows reading = {.ask = ask, .home = home->shard};
    reading.ready = arena_alloc(&session->arena, bytes);
    reading.found = arena_alloc(&session->arena, bytes);
    if (!home->is_answered ||
        !gather_each_row(&home->gather, session->capabilities, take_row, &reading)) {
        return;
    }
    for (uint32_t i = 0; i < ask->wishes->count; i++) {
        struct index_wish *wish = &ask->wishes->items[i];
        if (index_wish_home(session_config(session), wish) == home->shard) {
            wish->shards.bits = reading.found[i].bits | ~reading.ready[i].bits;
        }
    }
}

static void end(struct index_flow *ask)
{
    struct session *session = ask->flow.session;
    struct request *request = ask->flow.request;
    for (uint32_t i = 0; i < ask->home_count; i++) {
        take_answer(ask, &ask->homes[i]);
    }
    request->index_answers = ask->wishes;
    session->flow = NULL; // this flow is over, the command is not
    ask->then(session, request);
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct index_flow *ask = flow_of(flow);
    struct home *home = &ask->homes[leg->command.tag];
    gather_add(&home->gather, &flow->session->arena, bytes, len);
    if (last == NULL) {
        return;
    }
    home->is_answered = !last->is_error;
    if (leg->is_held) {
        leg_drop_held(leg);
    }
    if (--ask->missing == 0) {
        end(ask);
    }
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    struct index_flow *ask = flow_of(flow);
    (void)leg;
    if (flow->request->is_killed) {
        flow_fail(flow, error);
        return;
    }
    if (--ask->missing == 0) {
        end(ask);
    }
}

static const struct flow_kind index_ask_kind = {
    .name = "asking an index",
    .on_answer = on_answer,
    .on_failed = on_failed,
};

// ---- the question

static void list_homes(struct index_flow *ask, const struct config *config)
{
    for (uint32_t i = 0; i < ask->wishes->count; i++) {
        uint16_t shard = index_wish_home(config, &ask->wishes->items[i]);
        bool is_listed = false;
        for (uint32_t k = 0; k < ask->home_count; k++) {
            is_listed = is_listed || ask->homes[k].shard == shard;
        }
        if (!is_listed) {
            ask->homes[ask->home_count++].shard = shard;
        }
    }
}

static void start_question(struct index_flow *ask, uint32_t number)
{
    struct session *session = ask->flow.session;
    uint16_t shard = ask->homes[number].shard;
    struct text sql;
    text_init(&sql);
    index_add_question(&sql, session_config(session), ask->wishes, shard);
    struct leg_command command = {
        .shard = shard,
        .access = ACCESS_PRIMARY,
        .kind = ANSWER_QUERY,
        .packet = flow_frame_query(&session->arena, text_slice(&sql)),
        .is_outside = true,
        .state = session_state_apart(session),
        .tag = number,
    };
    text_done(&sql);
    if (leg_in_transaction(session, shard)) {
        command.wants_hold = true; // its snapshot may be of before
        (void)leg_start_apart(&ask->flow, &command);
    } else {
        (void)leg_start(&ask->flow, &command);
    }
}

void index_ask(struct session *session, struct request *request,
               void (*then)(struct session *session, struct request *request))
{
    struct index_flow *ask = arena_alloc(&session->arena, sizeof *ask);
    const struct config *config = session_config(session);
    ask->then = then;
    ask->wishes = request->plan->index_wishes;
    ask->homes = arena_alloc(&session->arena, config->shard_count * sizeof *ask->homes);
    list_homes(ask, config);
    ask->missing = ask->home_count;
    counter_add(&session->sessions->counters.index_questions, 1);
    flow_begin(&ask->flow, &index_ask_kind, session, request);
    for (uint32_t i = 0; i < ask->home_count; i++) {
        start_question(ask, i);
    }
}
