// Switching autocommit on commits, and on all shards: so what it is set to has to be known before a
// server hears of it.
//
//     BEGIN; ...; SET autocommit = @before  |  SELECT HEX(@before)  ->  SET SESSION autocommit = 1

#include "session/set_autocommit.h"

#include "session/command.h"
#include "session/flow_single.h"
#include "session/query.h"
#include "session/text_ask.h"
#include "session/transaction.h"

// -1: neither.
static int read_word(struct slice word)
{
    static const char *const words[] = {"0", "off", "false", "1", "on", "true"};
    enum { COUNT = sizeof words / sizeof words[0] };
    for (int i = 0; i < COUNT; i++) {
        if (slice_is_nocase(word, words[i])) {
            return i >= COUNT / 2;
        }
    }
    return -1;
}

static bool is_for_autocommit(const struct set_item *item)
{
    return item->scope == SCOPE_SESSION && slice_is_nocase(item->name, "autocommit");
}

static int read_item(const struct set_item *item)
{
    if (item->value == NULL) {
        return 1; // DEFAULT
    }
    return item->is_constant ? read_word(item->value->value) : -1;
}

int set_autocommit_value(const struct set_item *items)
{
    int found = -1;
    for (const struct set_item *item = items; item != NULL; item = item->next) {
        found = is_for_autocommit(item) ? read_item(item) : found;
    }
    return found;
}

bool set_autocommit_is_unclear(const struct session *session, const struct set_item *items)
{
    bool is_unclear = false;
    for (const struct set_item *item = items; item != NULL; item = item->next) {
        is_unclear |= is_for_autocommit(item) && read_item(item) < 0;
    }
    return is_unclear && session_in_transaction(session) && !query_is_bound_by_xa(session);
}

// ---- asking

struct autocommit_ask {
    struct text_ask ask;
    struct statement outer;
    struct prepare_part part; // the value, as if it were the text of a statement
    void (*known)(struct session *session, struct request *request);
    void (*wrong)(struct session *session, struct request *request);
};

static void go_on(struct session *session, struct request *request, struct text_ask *ask)
{
    const struct autocommit_ask *asking = CONTAINER_OF(ask, struct autocommit_ask, ask);
    int value = read_word(ask->sql);
    if (value < 0) {
        asking->wrong(session, request);
        return;
    }
    struct slice sql = arena_format(&session->arena, "SET SESSION autocommit = %d", value);
    request->raw = flow_frame_query(&session->arena, sql);
    if (query_parse(session, request, sql, false)) {
        asking->known(session, request);
    }
}

void set_autocommit_ask(struct session *session, struct request *request,
                        void (*known)(struct session *session, struct request *request),
                        void (*wrong)(struct session *session, struct request *request))
{
    const struct statement *statement = request->statement;
    if (statement->set->next != NULL || request->text != NULL) {
        command_refuse(session,
                       "autocommit set by an expression in a transaction, beside other variables "
                       "or by EXECUTE: COMMIT first, or give the value itself");
        return;
    }
    struct autocommit_ask *asking = arena_alloc(&session->arena, sizeof *asking);
    asking->part = (struct prepare_part){.verb = PREPARE_EXECUTE, .text = statement->set->value};
    asking->outer = *statement;
    asking->outer.prepare = &asking->part;
    asking->ask = (struct text_ask){.outer = &asking->outer, .then = go_on};
    asking->known = known;
    asking->wrong = wrong;
    text_ask_start(session, request, &asking->ask);
}
