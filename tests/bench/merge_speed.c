// How many rows a second one core merges: what waybill does with each row of a scattered SELECT
// between its sockets (packets found, keys compared, groups folded, the row framed for the client),
// on rows made here, so that no server's speed is in the figure. Processor time of this thread.
//
//     merge_speed [ROWS]     prints: shape, sources, rows a second

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "protocol/packet.h"
#include "session/merge_group.h"
#include "session/scatter_source.h"

enum {
    SOURCES_MAX = 16,
    COLUMNS = 5, // key, payload, sum | the key's collation, spare
    VISIBLE = 3,
    READ_BYTES = 64 * 1024, // what one read from a server brings
    OUT_BYTES = 32 * 1024,
};

struct shape {
    const char *name;
    uint8_t type;
    const char *collation;
    const char *format; // of a text key
    enum merge_kind merge;
    bool is_binary;
    uint64_t divide; // rows with equal keys in a source and over all of them
};

// clang-format off
static const struct shape shapes[] = {
    {"ORDER BY bigint",             TYPE_LONGLONG,   "binary",             "%" PRIu64, MERGE_SORT, false, 1},
    {"ORDER BY bigint, prepared",   TYPE_LONGLONG,   "binary",             NULL,       MERGE_SORT, true,  1},
    {"ORDER BY decimal",            TYPE_NEWDECIMAL, "binary",             "%" PRIu64 ".25", MERGE_SORT, false, 1},
    {"ORDER BY datetime",           TYPE_DATETIME,   "binary",             "2026-01-01 00:00:00.%06" PRIu64, MERGE_SORT, false, 40},
    {"ORDER BY general_ci",         TYPE_VAR_STRING, "utf8mb4_general_ci", "customer %010" PRIu64, MERGE_SORT, false, 1},
    {"ORDER BY utf8mb4_bin",        TYPE_VAR_STRING, "utf8mb4_bin",        "customer %010" PRIu64, MERGE_SORT, false, 1},
    {"GROUP BY bigint, SUM",        TYPE_LONGLONG,   "binary",             "%" PRIu64, MERGE_GROUP, false, 0},
    {"GROUP BY general_ci, SUM",    TYPE_VAR_STRING, "utf8mb4_general_ci", "customer %010" PRIu64, MERGE_GROUP, false, 0},
    {"no order",                    TYPE_LONGLONG,   "binary",             "%" PRIu64, MERGE_ROWS, false, 1},
};
// clang-format on

struct run {
    const struct shape *shape;
    uint32_t sources;
    uint64_t rows; // of each source
    struct column columns[COLUMNS];
    struct merge_columns merged;
    struct merge_key key;
    struct plan_fold folds[VISIBLE];
    struct plan plan;
    struct text streams[SOURCES_MAX]; // owned: what each server sends
    size_t sent[SOURCES_MAX];
    struct scatter_source source[SOURCES_MAX];
    bool is_fed[SOURCES_MAX];
    struct arena arena;
};

static void describe(struct run *run)
{
    const struct shape *shape = run->shape;
    static const char *const names[COLUMNS] = {"k", "payload", "total", "waybill collation 0", "x"};
    for (uint32_t i = 0; i < COLUMNS; i++) {
        run->columns[i] = (struct column){
            .name = slice_of_string(names[i]), .type = TYPE_VAR_STRING, .collation_id = 45};
    }
    run->columns[0].type = shape->type;
    run->columns[2].type = TYPE_NEWDECIMAL;
    run->columns[2].decimals = 2;
    run->merged = (struct merge_columns){.columns = run->columns,
                                         .count = COLUMNS,
                                         .visible = VISIBLE,
                                         .is_binary = shape->is_binary};
    for (uint32_t i = 0; i < VISIBLE; i++) {
        run->folds[i] =
            (struct plan_fold){.kind = i == 2 ? FOLD_ADD : FOLD_FIRST, .collation = NO_HIDDEN};
    }
    run->plan = (struct plan){.merge = shape->merge,
                              .keys = &run->key,
                              .key_count = shape->merge == MERGE_ROWS ? 0 : 1,
                              .hidden_columns = COLUMNS - VISIBLE,
                              .limit = UINT64_MAX,
                              .folds = run->folds,
                              .fold_count = shape->merge == MERGE_GROUP ? VISIBLE : 0};
}

static void add_row(struct run *run, uint32_t source, uint64_t number, uint8_t *sequence)
{
    const struct shape *shape = run->shape;
    bool is_shared = shape->divide == 0; // a group has a row of each source
    uint64_t value = 1000000 + (is_shared ? number : number * run->sources + source) /
                                   (shape->divide > 0 ? shape->divide : 1);
    struct text row;
    char key[64];
    text_init(&row);
    if (shape->is_binary) {
        write_u8(&row, 0);
        write_u8(&row, 0);
        for (int i = 0; i < 8; i++) {
            write_u8(&row, (uint8_t)(value >> (8 * i)));
        }
    } else {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(key, sizeof key, shape->format, value);
#pragma GCC diagnostic pop
        row_text_add(&row, slice_of_string(key));
    }
    row_text_add(&row, slice_of_string("an order's further columns, forty bytes."));
    row_text_add(&row, slice_of_string("1234.50"));
    row_text_add(&row, slice_of_string(shape->collation));
    row_text_add(&row, slice_of_string("1"));
    packet_append(&run->streams[source], text_slice(&row), sequence);
    text_done(&row);
}

static void make_stream(struct run *run, uint32_t source)
{
    struct text *out = &run->streams[source];
    struct text payload;
    uint8_t sequence = 1;
    text_init(&payload);
    text_init(out);
    write_lenenc(&payload, COLUMNS);
    packet_append(out, text_slice(&payload), &sequence);
    for (uint32_t i = 0; i < COLUMNS; i++) {
        payload.len = 0;
        column_write(&payload, &run->columns[i], CAP_PROTOCOL_41 | CAP_DEPRECATE_EOF);
        packet_append(out, text_slice(&payload), &sequence);
    }
    for (uint64_t i = 0; i < run->rows; i++) {
        add_row(run, source, i, &sequence);
    }
    packet_append(out, slice_of("\xfe\0\0\2\0\0\0", 7), &sequence);
    text_done(&payload);
}

static void die(const char *what)
{
    fprintf(stderr, "merge_speed: %s\n", what);
    exit(1);
}

// What stands at the source's front, read on when there is nothing.
static enum source_at look(struct run *run, uint32_t number)
{
    struct scatter_source *source = &run->source[number];
    while (source_look(source) == SOURCE_AT_NOTHING) {
        size_t left = run->streams[number].len - run->sent[number];
        size_t len = left < READ_BYTES ? left : READ_BYTES;
        if (len == 0) {
            die("a stream ended early");
        }
        source_add(source, run->streams[number].ptr + run->sent[number], len);
        run->sent[number] += len;
    }
    return source->at;
}

static void feed(struct run *run, struct merge *merge, uint32_t number)
{
    struct error error;
    enum source_at at = look(run, number);
    if (at == SOURCE_AT_END) {
        merge_end(merge, number);
    } else if (at != SOURCE_AT_ROW || !merge_put(merge, number, run->source[number].row, &error)) {
        die(at == SOURCE_AT_ROW ? error.text : "no row");
    }
}

// What goes to the client.
struct given {
    struct text out;
    uint8_t sequence;
};

static bool give(void *owner, struct slice row, struct error *error)
{
    struct given *given = owner;
    (void)error;
    packet_append(&given->out, row, &given->sequence);
    given->out.len = given->out.len >= OUT_BYTES ? 0 : given->out.len;
    return true;
}

static uint64_t merge_all(struct run *run)
{
    struct error error;
    struct given client = {.sequence = 0};
    uint32_t number = 0;
    uint64_t given = 0;
    text_init(&client.out);
    for (uint32_t i = 0; i < run->sources; i++) {
        source_start(&run->source[i], &run->arena, "s",
                     run->shape->is_binary ? ANSWER_EXECUTE : ANSWER_QUERY,
                     CAP_PROTOCOL_41 | CAP_DEPRECATE_EOF);
        run->source[i].leg = (struct leg *)(void *)run; // not NULL: more may come
        run->sent[i] = 0;
    }
    struct merge *merge = merge_start(&run->arena, &run->plan, &run->merged, run->sources);
    const struct merge_group_out groups = {.row = give, .owner = &client};
    struct merge_group *group =
        merge_group_start(&run->arena, &run->plan, &run->merged, &groups, &error);
    for (uint32_t i = 0; i < run->sources; i++) {
        feed(run, merge, i);
    }
    for (enum merge_step step; (step = merge_next(merge, &number)) != MERGE_STEP_DONE; given++) {
        bool is_fine =
            run->shape->merge == MERGE_GROUP
                ? merge_group_add(group, run->source[number].row, merge_shared(merge), &error)
                : give(&client, merge_shown(merge, number), &error);
        if (!is_fine) {
            die(error.text);
        }
        source_take(&run->source[number]);
        feed(run, merge, number);
    }
    for (uint32_t i = 0; i < run->sources; i++) {
        source_stop(&run->source[i]);
    }
    merge_stop(merge);
    merge_group_stop(group);
    text_done(&client.out);
    return given;
}

static double seconds_used(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void measure(const struct shape *shape, uint32_t sources, uint64_t rows)
{
    struct run *run = calloc(1, sizeof *run);
    double best = 0;
    run->shape = shape;
    run->sources = sources;
    run->rows = rows / sources;
    describe(run);
    for (uint32_t i = 0; i < sources; i++) {
        make_stream(run, i);
    }
    for (int turn = 0; turn < 3; turn++) {
        arena_init(&run->arena, NULL);
        double began = seconds_used();
        uint64_t given = merge_all(run);
        double rate = (double)given / (seconds_used() - began);
        best = rate > best ? rate : best;
        arena_clear(&run->arena);
        if (given != run->rows * sources) {
            die("rows are missing");
        }
    }
    printf("%s\t%u\t%.0f\n", shape->name, sources, best);
    for (uint32_t i = 0; i < sources; i++) {
        text_done(&run->streams[i]);
    }
    free(run);
}

int main(int argc, char **argv)
{
    uint64_t rows = argc > 1 ? strtoull(argv[1], NULL, 10) : 400000;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        for (uint32_t sources = 2; sources <= SOURCES_MAX; sources *= 2) {
            measure(&shapes[i], sources, rows);
        }
    }
    return 0;
}
