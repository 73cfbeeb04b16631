// The vertices are the transactions, the youngest first, and behind them the connections that are
// of none. Whoever waits for himself by any way is in a cycle: the youngest first, and without
// those that were found before.

#include "replication/wait_graph.h"

#include <stdlib.h>

#include "base/memory.h"

struct place { // a connection
    uint16_t server;
    uint32_t connection;
    uint32_t vertex;
};

struct arc {
    uint32_t from, to;
};

struct graph {
    const struct wait_holder **holders; // owned; the youngest first, those of one together
    struct place *places;               // owned; in order
    struct arc *arcs;                   // owned; by `from`
    uint32_t *seen;                     // owned; by vertex: in which search
    uint32_t *stack;                    // owned; vertices
    size_t place_count, arc_count;
    uint32_t vertex_count, transaction_count;
};

#define NO_VERTEX UINT32_MAX // not numbered yet
#define REMOVED   UINT32_MAX // in `seen`: in no search any more

static int compare_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

// The younger one first.
static int compare_holders(const void *left, const void *right)
{
    const struct wait_holder *a = *(const struct wait_holder *const *)left;
    const struct wait_holder *b = *(const struct wait_holder *const *)right;
    int order = compare_u64(b->began_us, a->began_us);
    return order != 0 ? order : compare_u64(b->session, a->session);
}

static int compare_places(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    int order = compare_u64(a->server, b->server);
    return order != 0 ? order : compare_u64(a->connection, b->connection);
}

static int compare_arcs(const void *left, const void *right)
{
    const struct arc *a = left, *b = right;
    int order = compare_u64(a->from, b->from);
    return order != 0 ? order : compare_u64(a->to, b->to);
}

// ---- making it

static void add_transactions(struct graph *graph, const struct wait_holder *holders, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        graph->holders[i] = &holders[i];
    }
    qsort(graph->holders, count, sizeof(void *), compare_holders);
    for (size_t i = 0; i < count; i++) {
        const struct wait_holder *holder = graph->holders[i];
        bool is_next = i == 0 || compare_holders(&graph->holders[i - 1], &graph->holders[i]) != 0;
        graph->transaction_count += is_next;
        graph->places[i] = (struct place){.server = holder->server,
                                          .connection = holder->connection,
                                          .vertex = graph->transaction_count - 1};
    }
    graph->place_count = count;
    graph->vertex_count = graph->transaction_count;
    qsort(graph->places, count, sizeof *graph->places, compare_places);
}

static struct place *find_place(const struct graph *graph, size_t count, uint16_t server,
                                uint32_t connection)
{
    struct place place = {.server = server, .connection = connection};
    return bsearch(&place, graph->places, count, sizeof place, compare_places);
}

// Behind those that are known; each may come several times.
static void add_lone(struct graph *graph, size_t known, uint16_t server, uint32_t connection)
{
    if (find_place(graph, known, server, connection) == NULL) {
        graph->places[graph->place_count++] =
            (struct place){.server = server, .connection = connection, .vertex = NO_VERTEX};
    }
}

static void number_lone(struct graph *graph)
{
    qsort(graph->places, graph->place_count, sizeof *graph->places, compare_places);
    for (size_t i = 0; i < graph->place_count; i++) {
        struct place *place = &graph->places[i];
        bool is_same = i > 0 && compare_places(place - 1, place) == 0;
        if (place->vertex == NO_VERTEX) {
            place->vertex = is_same ? (place - 1)->vertex : graph->vertex_count++;
        }
    }
}

static void add_edges(struct graph *graph, const struct wait_edge *edges, size_t count)
{
    size_t known = graph->place_count;
    for (size_t i = 0; i < count; i++) {
        add_lone(graph, known, edges[i].server, edges[i].waiter);
        add_lone(graph, known, edges[i].server, edges[i].blocker);
    }
    number_lone(graph);
    for (size_t i = 0; i < count; i++) {
        const struct wait_edge *edge = &edges[i];
        graph->arcs[i] = (struct arc){
            .from = find_place(graph, graph->place_count, edge->server, edge->waiter)->vertex,
            .to = find_place(graph, graph->place_count, edge->server, edge->blocker)->vertex};
    }
    graph->arc_count = count;
    qsort(graph->arcs, count, sizeof *graph->arcs, compare_arcs);
}

static void graph_init(struct graph *graph, const struct wait_edge *edges, size_t edge_count,
                       const struct wait_holder *holders, size_t holder_count)
{
    size_t places_max = holder_count + 2 * edge_count;
    *graph = (struct graph){
        .holders = memory_new((holder_count + 1) * sizeof(struct wait_holder *)),
        .places = memory_new((places_max + 1) * sizeof *graph->places),
        .arcs = memory_new((edge_count + 1) * sizeof *graph->arcs),
        .seen = memory_new((places_max + 1) * sizeof *graph->seen),
        .stack = memory_new((places_max + 1) * sizeof *graph->stack),
    };
    add_transactions(graph, holders, holder_count);
    add_edges(graph, edges, edge_count);
}

static void graph_done(struct graph *graph)
{
    memory_free((void *)graph->holders);
    memory_free(graph->places);
    memory_free(graph->arcs);
    memory_free(graph->seen);
    memory_free(graph->stack);
}

// ---- searching it

static size_t first_arc(const struct graph *graph, uint32_t from)
{
    size_t low = 0, high = graph->arc_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (graph->arcs[middle].from < from) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

// Does it wait for itself? `search`: a number of its own, from 1.
static bool is_in_cycle(struct graph *graph, uint32_t start, uint32_t search)
{
    size_t depth = 0;
    graph->stack[depth++] = start;
    while (depth > 0) {
        uint32_t vertex = graph->stack[--depth];
        for (size_t i = first_arc(graph, vertex);
             i < graph->arc_count && graph->arcs[i].from == vertex; i++) {
            uint32_t to = graph->arcs[i].to;
            if (to == start) {
                return true;
            }
            if (graph->seen[to] != REMOVED && graph->seen[to] != search) {
                graph->seen[to] = search;
                graph->stack[depth++] = to;
            }
        }
    }
    return false;
}

size_t wait_graph_victims(const struct wait_edge *edges, size_t edge_count,
                          const struct wait_holder *holders, size_t holder_count, size_t *victims,
                          size_t max)
{
    struct graph graph;
    size_t count = 0;
    uint32_t vertex = 0;
    graph_init(&graph, edges, edge_count, holders, holder_count);
    for (size_t i = 0; i < holder_count && count < max; i++) {
        if (i > 0 && compare_holders(&graph.holders[i - 1], &graph.holders[i]) == 0) {
            continue;
        }
        if (is_in_cycle(&graph, vertex, vertex + 1)) {
            graph.seen[vertex] = REMOVED;
            victims[count++] = (size_t)(graph.holders[i] - holders);
        }
        vertex++;
    }
    graph_done(&graph);
    return count;
}
