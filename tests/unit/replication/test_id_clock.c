// Two processes with the same proxy_id, that crash, are partitioned and have clocks that jump: no
// time is ever granted to two runs, whatever they do in which order.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "replication/id_clock.h"

enum { PROCESSES = 2, ROUNDS = 20000, GRANTS_MAX = ROUNDS };

#define NOW 1700000000000ull

struct process {
    uint64_t run;
    uint64_t clock_ms, used_ms;
    struct id_grant grant;
    struct id_clock_row read; // what it has read before it writes
    enum id_clock_step step;
    bool has_read;
};

struct granted {
    uint64_t run, from_ms, upto_ms;
};

struct world {
    struct process processes[PROCESSES];
    struct id_clock_row row;
    uint64_t lock; // its holder's run; 0: free
    uint64_t last_run;
    struct granted granted[GRANTS_MAX]; // each once
    size_t count;
};

static uint64_t at_ms(const struct process *process)
{
    return process->clock_ms > process->used_ms ? process->clock_ms : process->used_ms;
}

static void start(struct world *world, struct process *process)
{
    uint64_t clock_ms = process->clock_ms;
    *process = (struct process){.run = ++world->last_run, .clock_ms = clock_ms};
}

static void lose_connection(struct world *world, struct process *process)
{
    process->has_read = false;
    world->lock = world->lock == process->run ? 0 : world->lock;
}

static void look(struct world *world, struct process *process)
{
    world->lock = world->lock == 0 ? process->run : world->lock;
    process->read = world->row;
    process->step =
        id_clock_step(&process->read, process->run, world->lock == process->run, at_ms(process));
    process->has_read = true;
}

// What the statements of id_clock.c do to the row.
static void write_row(struct world *world, struct process *process)
{
    struct id_clock_row *row = &world->row;
    uint64_t upto_ms = id_clock_upto(at_ms(process));
    if (process->step == CLOCK_INSERT && !row->is_there) {
        *row = (struct id_clock_row){true, process->run, 0, upto_ms};
    } else if (process->step == CLOCK_EXTEND && row->run == process->run) {
        row->upto_ms = upto_ms > row->upto_ms ? upto_ms : row->upto_ms;
    } else if (process->step == CLOCK_TAKE && row->run == process->read.run &&
               row->upto_ms == process->read.upto_ms) {
        row->run = process->run;
        row->from_ms = row->upto_ms;
        row->upto_ms = upto_ms > row->upto_ms + 60000 ? upto_ms : row->upto_ms + 60000;
    }
}

// A run that has lost the row to another and gets it back has several.
static struct granted *find_granted(struct world *world, uint64_t run, uint64_t from_ms)
{
    size_t i = 0;
    while (i < world->count &&
           (world->granted[i].run != run || world->granted[i].from_ms != from_ms)) {
        i++;
    }
    world->count += i == world->count;
    assert_true(i < GRANTS_MAX);
    return &world->granted[i];
}

static void note_grant(struct world *world, const struct process *process)
{
    const struct id_grant *grant = &process->grant;
    struct granted *granted = find_granted(world, process->run, grant->from_ms);
    assert_true(grant->upto_ms > grant->from_ms);
    *granted = (struct granted){process->run, grant->from_ms, grant->upto_ms};
}

static void read_grant(struct world *world, struct process *process)
{
    if (world->row.is_there && world->row.run == process->run) {
        process->grant = (struct id_grant){world->row.from_ms, world->row.upto_ms, false};
        note_grant(world, process);
    }
    process->has_read = false;
}

static void use(struct process *process)
{
    uint64_t ms = at_ms(process) > process->grant.from_ms ? at_ms(process) : process->grant.from_ms;
    ms += (uint64_t)(rand() % 30000);
    if (ms < process->grant.upto_ms) {
        process->used_ms = ms;
    }
}

static void end(struct world *world, struct process *process)
{
    struct id_clock_row *row = &world->row;
    if (row->run == process->run && process->grant.upto_ms > 0) {
        uint64_t next_ms = process->used_ms + 1;
        next_ms = next_ms < row->from_ms ? row->from_ms : next_ms;
        row->upto_ms = next_ms < row->upto_ms ? next_ms : row->upto_ms;
        row->run = 0;
        *find_granted(world, process->run, row->from_ms) =
            (struct granted){process->run, row->from_ms, row->upto_ms}; // the rest was never used
    }
    lose_connection(world, process);
    start(world, process);
}

static void move_clock(struct process *process)
{
    uint64_t jump_ms = (uint64_t)(rand() % 200000);
    process->clock_ms += rand() % 3 == 0 ? 0 - jump_ms : jump_ms / 2;
}

static void act(struct world *world, struct process *process)
{
    switch (rand() % 12) {
    case 0: // dies
        lose_connection(world, process);
        start(world, process);
        break;
    case 1:
        end(world, process);
        break;
    case 2:
        lose_connection(world, process);
        break;
    case 3:
        move_clock(process);
        break;
    case 4:
    case 5:
        use(process);
        break;
    case 6:
    case 7:
        look(world, process);
        break;
    default:
        if (process->has_read) {
            write_row(world, process);
            if (rand() % 8 != 0) { // or the answer is lost
                read_grant(world, process);
            }
        } else {
            look(world, process);
        }
        break;
    }
}

static int by_time(const void *a, const void *b)
{
    const struct granted *x = a, *y = b;
    return (x->from_ms > y->from_ms) - (x->from_ms < y->from_ms);
}

static void no_time_is_granted_twice(void **state)
{
    (void)state;
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    srand(7);
    for (size_t i = 0; i < PROCESSES; i++) {
        world->processes[i].clock_ms = NOW;
        start(world, &world->processes[i]);
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        act(world, &world->processes[(unsigned)rand() % PROCESSES]);
    }
    assert_true(world->count > 500);
    qsort(world->granted, world->count, sizeof *world->granted, by_time);
    for (size_t i = 1; i < world->count; i++) {
        assert_true(world->granted[i - 1].upto_ms <= world->granted[i].from_ms);
    }
    free(world);
}

static void who_may_take_a_row(void **state)
{
    (void)state;
    struct id_clock_row none = {.is_there = false};
    struct id_clock_row other = {true, 8, 0, NOW + 60000};
    struct id_clock_row free_row = {true, 0, 0, NOW};
    struct id_clock_row mine = {true, 7, 0, NOW + 60000};
    assert_int_equal(id_clock_step(&none, 7, false, NOW), CLOCK_INSERT);
    assert_int_equal(id_clock_step(&other, 7, false, NOW), CLOCK_TAKEN);
    assert_int_equal(id_clock_step(&other, 7, true, NOW), CLOCK_TAKE);
    assert_int_equal(id_clock_step(&free_row, 7, false, NOW), CLOCK_TAKE);
    assert_int_equal(id_clock_step(&mine, 7, false, NOW), CLOCK_ENOUGH);
    assert_int_equal(id_clock_step(&mine, 7, true, NOW + 15000), CLOCK_ENOUGH);
    assert_int_equal(id_clock_step(&mine, 7, true, NOW + 15001), CLOCK_EXTEND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_time_is_granted_twice),
        cmocka_unit_test(who_may_take_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
