// The router against a model: small tables whose rows are placed as the router places them, random
// joins and conditions. Whatever plan it accepts, the rows of the plan's shards together must be
// exactly the rows that one server with all the data would give.

#include "tests/unit/router/route_fixture.h"

enum {
    TABLES = 5,
    COLUMNS = 3,
    ROWS = 7,
    REFS_MAX = 3,
    TUPLES_MAX = 4000,
    CONDITIONS_MAX = 64,
    NO_ROW = -1,
    STATEMENTS = 200000,
};

#define NOTHING INT64_MIN // NULL

enum { ORDERS, ITEMS, PAYMENTS, COUNTRIES, CARTS };

static const char *const table_names[TABLES] = {"orders", "items", "payments", "countries",
                                                "carts"};
static const char *const column_names[TABLES][COLUMNS] = {
    {"buyer_id", "id", "x"}, {"y", "order_id", "x"}, {"buyer_id", "order_id", "x"},
    {"z", "id", "x"},        {"buyer_id", "y", "x"}, // in the orders' group without `with`
};

struct row {
    int64_t values[COLUMNS];
    uint16_t shard;
};

enum condition_kind { COMPARE, IN_LIST, AND, OR, NOT, EXISTS };

struct operand {
    bool is_column;
    int ref, column;
    int64_t value;
};

struct condition {
    enum condition_kind kind;
    const char *op;
    struct operand left, right[3];
    int count;
    const struct condition *children[2];
    bool is_negated;
};

struct model {
    struct fixture fixture;
    uint64_t seed;
    struct row rows[TABLES][ROWS];
    int refs; // of the statement
    int tables[REFS_MAX];
    const char *joins[REFS_MAX];
    const struct condition *on[REFS_MAX];
    const struct condition *where;
    struct condition conditions[CONDITIONS_MAX];
    int condition_count;
    uint64_t shards; // that are looked at: bits
};

struct tuple {
    int rows[REFS_MAX];
};

static unsigned draw(struct model *model, unsigned below)
{
    model->seed ^= model->seed << 13; // xorshift64
    model->seed ^= model->seed >> 7;
    model->seed ^= model->seed << 17;
    return (unsigned)(model->seed >> 20) % below;
}

// ---- rows

static uint64_t some_key(struct model *model)
{
    return model->fixture.keys[draw(model, FIXTURE_SHARDS)][draw(model, 2)];
}

static uint64_t some_id(struct model *model)
{
    return model->fixture.ids[draw(model, FIXTURE_SHARDS)][draw(model, 2)];
}

static uint16_t bucket_of_number(uint64_t key)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)key);
    return bucket_of_key(slice_of_string(text));
}

static void make_rows(struct model *model)
{
    for (int table = 0; table < TABLES; table++) {
        for (int i = 0; i < ROWS; i++) {
            struct row *row = &model->rows[table][i];
            unsigned shard = draw(model, FIXTURE_SHARDS);
            unsigned which = draw(model, 2);
            row->values[0] = (int64_t)model->fixture.keys[shard][which];
            row->values[1] = (int64_t)model->fixture.ids[shard][which];
            row->values[2] = draw(model, 4) == 0 ? NOTHING : (int64_t)draw(model, 3);
            row->shard = fixture_shard(bucket_of_number((uint64_t)row->values[0]));
            if (table == ITEMS || table == COUNTRIES) {
                row->values[0] = (int64_t)some_key(model); // a plain column
            }
            if (table == CARTS) {
                row->values[1] = (int64_t)model->fixture.ids[draw(model, FIXTURE_SHARDS)][which];
            }
        }
    }
}

static bool is_visible(const struct model *model, int table, int row)
{
    return table == COUNTRIES || (model->shards >> model->rows[table][row].shard & 1) != 0;
}

// ---- conditions

static struct condition *new_condition(struct model *model, enum condition_kind kind)
{
    struct condition *condition = &model->conditions[model->condition_count++];
    *condition = (struct condition){.kind = kind};
    return condition;
}

static struct operand column_operand(struct model *model, int refs)
{
    unsigned column = draw(model, 5); // keys and ids more often
    return (struct operand){.is_column = true,
                            .ref = (int)draw(model, (unsigned)refs),
                            .column = column > 3 ? 2 : (int)column / 2};
}

static struct operand constant_for(struct model *model, int column)
{
    struct operand operand = {.is_column = false, .value = (int64_t)draw(model, 3)};
    if (draw(model, 15) == 0) {
        operand.value = NOTHING;
    } else if (column == 0) {
        operand.value = (int64_t)some_key(model);
    } else if (column == 1) {
        operand.value = (int64_t)some_id(model);
    }
    return operand;
}

static const struct condition *random_leaf(struct model *model, int refs)
{
    static const char *const ops[] = {"=", "=", "=", "=", "=", "=", "<=>", "<>", "<", ">="};
    struct condition *condition = new_condition(model, COMPARE);
    condition->left = column_operand(model, refs);
    condition->op = ops[draw(model, 10)];
    condition->count = 1;
    if (draw(model, 5) == 0) {
        condition->kind = IN_LIST;
        condition->count = 1 + (int)draw(model, 3);
        condition->is_negated = draw(model, 5) == 0;
    } else if (draw(model, 12) == 0) {
        condition->kind = EXISTS;
        condition->is_negated = draw(model, 2) == 0;
        condition->left.column = 1; // WHERE s.order_id = that
    }
    for (int i = 0; i < condition->count; i++) {
        condition->right[i] = constant_for(model, condition->left.column);
    }
    if (condition->kind == COMPARE && refs > 1 && draw(model, 2) == 0) {
        condition->right[0] = column_operand(model, refs);
        condition->right[0].column = condition->left.column;
    }
    return condition;
}

static const struct condition *random_condition(struct model *model, int refs, int depth)
{
    unsigned kind = draw(model, 10);
    if (depth == 0 || kind < 4) {
        return random_leaf(model, refs);
    }
    struct condition *condition = new_condition(model, kind < 8 ? AND : kind < 9 ? OR : NOT);
    condition->children[0] = random_condition(model, refs, depth - 1);
    if (condition->kind != NOT) {
        condition->children[1] = random_condition(model, refs, depth - 1);
    }
    return condition;
}

// The joined table's key or id is that of one before it, sometimes with another condition beside.
static const struct condition *placing_equality(struct model *model, int joined)
{
    struct condition *equality = new_condition(model, COMPARE);
    equality->op = "=";
    equality->count = 1;
    equality->left =
        (struct operand){.is_column = true, .ref = joined, .column = draw(model, 3) == 0 ? 0 : 1};
    equality->right[0] = equality->left;
    equality->right[0].ref = (int)draw(model, (unsigned)joined);
    if (draw(model, 3) > 0) {
        return equality;
    }
    struct condition *both = new_condition(model, AND);
    both->children[0] = equality;
    both->children[1] = random_leaf(model, joined + 1);
    return both;
}

// ---- their text

static void print_operand(const struct model *model, struct operand operand, struct text *out)
{
    if (operand.is_column) {
        text_add_format(out, "t%d.%s", operand.ref,
                        column_names[model->tables[operand.ref]][operand.column]);
    } else if (operand.value == NOTHING) {
        text_add_string(out, "NULL");
    } else {
        text_add_format(out, operand.value % 2 == 0 ? "%lld" : "'%lld'", (long long)operand.value);
    }
}

static void print_condition(const struct model *model, const struct condition *condition,
                            struct text *out)
{
    text_add_string(out, "(");
    switch (condition->kind) {
    case COMPARE:
        print_operand(model, condition->left, out);
        text_add_format(out, " %s ", condition->op);
        print_operand(model, condition->right[0], out);
        break;
    case IN_LIST:
        print_operand(model, condition->left, out);
        text_add_string(out, condition->is_negated ? " NOT IN (" : " IN (");
        for (int i = 0; i < condition->count; i++) {
            text_add_string(out, i > 0 ? ", " : "");
            print_operand(model, condition->right[i], out);
        }
        text_add_string(out, ")");
        break;
    case EXISTS:
        text_add_format(out, "%sEXISTS (SELECT 1 FROM items s WHERE s.order_id = ",
                        condition->is_negated ? "NOT " : "");
        print_operand(model, condition->left, out);
        text_add_string(out, ")");
        break;
    case NOT:
        text_add_string(out, "NOT ");
        print_condition(model, condition->children[0], out);
        break;
    case AND:
    case OR:
        print_condition(model, condition->children[0], out);
        text_add_string(out, condition->kind == AND ? " AND " : " OR ");
        print_condition(model, condition->children[1], out);
        break;
    }
    text_add_string(out, ")");
}

static struct slice print_statement(struct model *model)
{
    struct text out;
    text_init(&out);
    text_add_string(&out, "SELECT 1 FROM ");
    for (int i = 0; i < model->refs; i++) {
        text_add_format(&out, "%s %s t%d", model->joins[i], table_names[model->tables[i]], i);
        if (model->on[i] != NULL) {
            text_add_string(&out, " ON ");
            print_condition(model, model->on[i], &out);
        }
        text_add_string(&out, " ");
    }
    text_add_string(&out, "WHERE ");
    print_condition(model, model->where, &out);
    struct slice copy =
        arena_format(&model->fixture.arena, "%.*s", (int)out.len, (const char *)out.ptr);
    text_done(&out);
    return copy;
}

// ---- their meaning: 1, 0 or -1 for NULL

static int64_t operand_value(const struct model *model, struct operand operand,
                             const struct tuple *tuple)
{
    if (!operand.is_column) {
        return operand.value;
    }
    int row = tuple->rows[operand.ref];
    return row == NO_ROW ? NOTHING
                         : model->rows[model->tables[operand.ref]][row].values[operand.column];
}

static int compare(const char *op, int64_t a, int64_t b)
{
    if (strcmp(op, "<=>") == 0) {
        return a == b;
    }
    if (a == NOTHING || b == NOTHING) {
        return -1;
    }
    switch (op[0]) {
    case '=':
        return a == b;
    case '>':
        return a >= b;
    default:
        return op[1] == '>' ? a != b : a < b;
    }
}

static int negate(int truth)
{
    return truth < 0 ? truth : !truth;
}

static int is_in(const struct model *model, const struct condition *condition,
                 const struct tuple *tuple)
{
    int found = 0;
    int64_t value = operand_value(model, condition->left, tuple);
    for (int i = 0; i < condition->count; i++) {
        int one = compare("=", value, condition->right[i].value);
        found = one == 1 || found == 1 ? 1 : one < 0 ? -1 : found;
    }
    return condition->is_negated ? negate(found) : found;
}

static int exists(const struct model *model, const struct condition *condition,
                  const struct tuple *tuple)
{
    bool found = false;
    int64_t value = operand_value(model, condition->left, tuple);
    for (int row = 0; row < ROWS; row++) {
        found |= is_visible(model, ITEMS, row) &&
                 compare("=", model->rows[ITEMS][row].values[1], value) == 1;
    }
    return condition->is_negated ? !found : found;
}

static int truth(const struct model *model, const struct condition *condition,
                 const struct tuple *tuple)
{
    int a;
    int b;
    switch (condition->kind) {
    case COMPARE:
        return compare(condition->op, operand_value(model, condition->left, tuple),
                       operand_value(model, condition->right[0], tuple));
    case IN_LIST:
        return is_in(model, condition, tuple);
    case EXISTS:
        return exists(model, condition, tuple);
    case NOT:
        return negate(truth(model, condition->children[0], tuple));
    case AND:
    case OR:
        break;
    }
    a = truth(model, condition->children[0], tuple);
    b = truth(model, condition->children[1], tuple);
    if (condition->kind == AND) {
        return a == 0 || b == 0 ? 0 : a < 0 || b < 0 ? -1 : 1;
    }
    return a == 1 || b == 1 ? 1 : a < 0 || b < 0 ? -1 : 0;
}

// ---- joins

struct tuples {
    struct tuple items[TUPLES_MAX];
    int count;
};

static void add_tuple(struct tuples *tuples, struct tuple tuple)
{
    assert_true(tuples->count < TUPLES_MAX);
    tuples->items[tuples->count++] = tuple;
}

static bool join_row(const struct model *model, int ref, struct tuple *tuple, int row)
{
    tuple->rows[ref] = row;
    return is_visible(model, model->tables[ref], row) &&
           (model->on[ref] == NULL || truth(model, model->on[ref], tuple) == 1);
}

static void join_next(const struct model *model, int ref, const struct tuples *left,
                      struct tuples *out)
{
    bool is_left = strcmp(model->joins[ref], "LEFT JOIN") == 0;
    bool is_right = strcmp(model->joins[ref], "RIGHT JOIN") == 0;
    bool is_matched[ROWS] = {false};
    out->count = 0;
    for (int i = 0; i < left->count; i++) {
        struct tuple tuple = left->items[i];
        bool has_match = false;
        for (int row = 0; row < ROWS; row++) {
            if (join_row(model, ref, &tuple, row)) {
                has_match = is_matched[row] = true;
                add_tuple(out, tuple);
            }
        }
        if (is_left && !has_match) {
            tuple.rows[ref] = NO_ROW;
            add_tuple(out, tuple);
        }
    }
    for (int row = 0; is_right && row < ROWS; row++) {
        if (!is_matched[row] && is_visible(model, model->tables[ref], row)) {
            struct tuple tuple = {{NO_ROW, NO_ROW, NO_ROW}};
            tuple.rows[ref] = row;
            add_tuple(out, tuple);
        }
    }
}

// The result over the given shards, appended.
static void run_on(struct model *model, uint64_t shards, struct tuples *result)
{
    static struct tuples lists[2];
    struct tuples *now = &lists[0];
    struct tuples *next = &lists[1];
    model->shards = shards;
    now->count = 0;
    for (int row = 0; row < ROWS; row++) {
        if (is_visible(model, model->tables[0], row)) {
            add_tuple(now, (struct tuple){{row, NO_ROW, NO_ROW}});
        }
    }
    for (int ref = 1; ref < model->refs; ref++) {
        join_next(model, ref, now, next);
        struct tuples *swap = now;
        now = next;
        next = swap;
    }
    for (int i = 0; i < now->count; i++) {
        if (truth(model, model->where, &now->items[i]) == 1) {
            add_tuple(result, now->items[i]);
        }
    }
}

static int compare_tuples(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct tuple));
}

static bool is_same(struct tuples *a, struct tuples *b)
{
    qsort(a->items, (size_t)a->count, sizeof a->items[0], compare_tuples);
    qsort(b->items, (size_t)b->count, sizeof b->items[0], compare_tuples);
    return a->count == b->count &&
           memcmp(a->items, b->items, (size_t)a->count * sizeof a->items[0]) == 0;
}

// ---- the test

static void random_statement(struct model *model)
{
    static const char *const words[] = {"JOIN", "LEFT JOIN", "RIGHT JOIN"};
    model->condition_count = 0;
    model->refs = 1 + (int)draw(model, REFS_MAX);
    for (int i = 0; i < model->refs; i++) {
        model->tables[i] = (int)draw(model, TABLES);
        model->joins[i] = i == 0 ? "" : words[draw(model, 3)];
        model->on[i] = NULL;
    }
    for (int i = 1; i < model->refs; i++) {
        model->on[i] =
            draw(model, 3) == 0 ? random_condition(model, i + 1, 1) : placing_equality(model, i);
    }
    model->where = random_condition(model, model->refs, 2);
}

static void check_plan(struct model *model, struct slice sql, const struct plan *plan)
{
    static struct tuples expected;
    static struct tuples got;
    expected.count = got.count = 0;
    run_on(model, UINT64_MAX, &expected);
    for (uint16_t i = 0; i < plan->target_count; i++) {
        run_on(model, shard_set_of(plan->targets[i].shard).bits, &got);
    }
    if (!is_same(&expected, &got)) {
        fail_msg("%.*s\n  goes to %u shards, first %u, and gives %d rows instead of %d",
                 (int)sql.len, (const char *)sql.ptr, plan->target_count, plan->targets[0].shard,
                 got.count, expected.count);
    }
}

static void plans_give_the_rows_of_one_server(void **state)
{
    (void)state;
    static struct model model;
    unsigned accepted[3] = {0}; // refused, one shard, several
    model.seed = 20240501;
    fixture_init_with(&model.fixture, fixture_read(fixture_servers, fixture_bucket_tables, ""));
    for (int i = 0; i < STATEMENTS; i++) {
        struct plan *plan = NULL;
        struct error error;
        fixture_reset(&model.fixture);
        if (i % 50 == 0) {
            make_rows(&model);
        }
        random_statement(&model);
        struct slice sql = print_statement(&model);
        model.fixture.request.statement = fixture_parse(&model.fixture, sql);
        if (!plan_make(&model.fixture.arena, &model.fixture.request, &plan, &error)) {
            accepted[0]++;
            continue;
        }
        accepted[plan->target_count > 1 ? 2 : 1]++;
        check_plan(&model, sql, plan);
    }
    print_message("refused %u, one shard %u, several %u\n", accepted[0], accepted[1], accepted[2]);
    assert_true(accepted[1] > STATEMENTS / 20 && accepted[2] > STATEMENTS / 20);
    fixture_done(&model.fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(plans_give_the_rows_of_one_server)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
