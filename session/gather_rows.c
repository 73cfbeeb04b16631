// The rows of one table on their way from the other shards to the server that gathers them:
//
//     sources (a leg for each shard) --rows--> filling (an INSERT) --> sending --> the server
//
// One INSERT is filled while the server works on another. When the one is full and the other not
// yet answered no source is read. So what is held is two INSERTs, and the longest row.

#include "session/gather_impl.h"

#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "protocol/row_text.h"
#include "session/flow_single.h"

enum { INSERT_ROWS_MAX = 5000 };

void gathering_read_start(struct gathering *all)
{
    struct session *session = all->flow.session;
    const struct gather_columns *columns = &all->columns[all->table];
    struct shard_set others = gathering_others(all, all->table);
    struct slice sql = gather_read(gathering_arena(all), all->plan, all->table, columns,
                                   gathering_rows_left(all) + 1);
    struct slice packet = flow_frame_query(gathering_arena(all), sql);
    all->source_count = shard_set_count(others);
    all->sources = arena_alloc(gathering_arena(all), all->source_count * sizeof *all->sources);
    all->fields = arena_alloc(gathering_arena(all), columns->moved_count * sizeof *all->fields);
    for (uint32_t i = 0; i < all->source_count; i++, others.bits &= others.bits - 1) {
        uint16_t shard = shard_set_first(others);
        struct leg_command command = {
            .shard = shard,
            .access = ACCESS_REPLICA,
            .kind = ANSWER_QUERY,
            .packet = packet,
            .is_outside = !all->plan->is_inside,
            .state = &all->reader,
            .tag = i,
        };
        source_start(&all->sources[i], gathering_arena(all),
                     session_config(session)->shards[shard].name, ANSWER_QUERY,
                     session->capabilities);
        all->sources[i].leg = leg_start(&all->flow, &command);
    }
}

void gathering_read_stop(struct gathering *all)
{
    for (uint32_t i = 0; i < all->source_count; i++) {
        source_stop(&all->sources[i]);
    }
    all->source_count = 0;
    all->filling.len = 0;
    all->filling_rows = 0;
}

// ---- rows into INSERTs

static void begin_insert(struct gathering *all)
{
    all->filling.len = 0;
    all->filling_place = packet_begin(&all->filling);
    const uint8_t command = COM_QUERY;
    text_add(&all->filling, &command, 1);
    text_add_slice(&all->filling, gather_insert(gathering_arena(all), all->plan, all->table,
                                                &all->columns[all->table]));
}

static bool is_full(const struct gathering *all)
{
    return all->filling.len >= GATHER_INSERT_BYTES || all->filling_rows >= INSERT_ROWS_MAX;
}

static bool add_row(struct gathering *all, struct slice row)
{
    const struct gather_columns *columns = &all->columns[all->table];
    const char *before = all->filling_rows > 0 ? ",(" : "(";
    if (!row_text_read(row, all->fields, columns->moved_count)) {
        return false;
    }
    for (uint32_t i = 0, field = 0; i < columns->count; i++) {
        if (!columns->items[i].is_moved) {
            continue;
        }
        text_add_string(&all->filling, before);
        before = ",";
        if (!gather_add_value(&all->filling, &columns->items[i], all->fields[field].bytes,
                              all->fields[field].is_null)) {
            return false;
        }
        field++;
    }
    text_add_string(&all->filling, ")");
    all->filling_rows++;
    return true;
}

static bool take_row(struct gathering *all, struct scatter_source *source, struct error *error)
{
    const struct settings *settings = &session_config(all->flow.session)->settings;
    if (all->filling.len == 0) {
        begin_insert(all);
    }
    size_t before = all->filling.len;
    if (!add_row(all, source->row)) {
        gathering_explain(all, ER_CROSS_SHARD,
                          slice_of_string("a server has sent a value that can't be read"), error);
        return false;
    }
    all->rows++;
    all->bytes += all->filling.len - before;
    if (all->rows > (uint64_t)settings->gather_max_rows) {
        gathering_explain(all, ER_TOO_LARGE, slice_of(NULL, 0), error);
        return false;
    }
    if (all->bytes > (uint64_t)settings->gather_max_bytes) {
        gathering_explain(all, ER_TOO_LARGE, slice_of(NULL, 0), error);
        return false;
    }
    source_take(source);
    return true;
}

static void send_insert(struct gathering *all)
{
    uint8_t sequence = 0;
    struct text sent = all->sending;
    packet_end(&all->filling, all->filling_place, &sequence);
    all->sending = all->filling;
    all->filling = sent;
    all->filling.len = 0;
    all->filling_rows = 0;
    gathering_command(all, text_slice(&all->sending), &all->writer);
}

// ---- passing on

// Takes rows while there is room. False with *error.
static bool take_rows(struct gathering *all, struct scatter_source *source, struct error *error)
{
    while (source_look(source) == SOURCE_AT_ROW) {
        if (is_full(all) && all->is_busy) {
            return true;
        }
        if (is_full(all)) {
            send_insert(all);
        }
        if (!take_row(all, source, error)) {
            return false;
        }
    }
    if (source->at == SOURCE_AT_ERROR && all->plan->is_inside) {
        *error = source->error; // a deadlock, a lock that was waited for: as in any statement
        return false;
    }
    if (source->at == SOURCE_AT_ERROR) {
        gathering_explain(all, ER_CROSS_SHARD, slice_of_string(source->error.text), error);
        return false;
    }
    return true;
}

static void update_pauses(struct gathering *all)
{
    bool is_paused = is_full(all) && all->is_busy;
    for (uint32_t i = 0; i < all->source_count; i++) {
        struct scatter_source *source = &all->sources[i];
        if (source->leg == NULL || source->is_paused == is_paused) {
            continue;
        }
        source->is_paused = is_paused;
        if (is_paused) {
            leg_pause(source->leg);
        } else {
            leg_resume(source->leg);
        }
    }
}

enum gathering_step gathering_pump(struct gathering *all, struct error *error)
{
    bool has_all = true;
    for (uint32_t i = 0; i < all->source_count; i++) {
        struct scatter_source *source = &all->sources[i];
        if (!take_rows(all, source, error)) {
            return GATHERING_FAILED;
        }
        has_all = has_all && source->at == SOURCE_AT_END && source->leg == NULL;
    }
    if (!all->is_busy && all->filling_rows > 0 && (has_all || is_full(all))) {
        send_insert(all);
    }
    update_pauses(all);
    return has_all && !all->is_busy ? GATHERING_DONE : GATHERING_GOES_ON;
}
