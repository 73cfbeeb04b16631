// Which expressions of an INSERT a server is asked for before its rows can be placed: those that
// are the key or the id of a row, if they have the same value wherever they stand (no columns, no
// subqueries, nothing that is set on the way).

#include "router/plan_impl.h"
#include "router/value.h"

enum { ASKED_MAX = 1000 };

static bool is_literal(const struct expr *expr)
{
    switch ((int)expr->kind) {
    case EXPR_INTEGER:
    case EXPR_DECIMAL:
    case EXPR_FLOAT:
    case EXPR_STRING:
    case EXPR_HEX:
    case EXPR_NULL:
    case EXPR_BOOL:
    case EXPR_TEMPORAL:
    case EXPR_DEFAULT:
    case EXPR_PARAM:
        return true;
    default:
        return false;
    }
}

// The left operand is followed in a loop.
static bool can_be_asked(const struct expr *expr)
{
    for (;;) {
        if (expr_is_sequence(expr)) {
            return expr->child_count == 1; // SETVAL is not asked
        }
        switch ((int)expr->kind) {
        case EXPR_COLUMN:
        case EXPR_STAR:
        case EXPR_DEFAULT:
        case EXPR_PARAM:
        case EXPR_ROW:
        case EXPR_SUBQUERY:
        case EXPR_EXISTS:
        case EXPR_IN_SUBQUERY:
            return false;
        default:
            break;
        }
        for (uint32_t i = 1; i < expr->child_count; i++) {
            if (!can_be_asked(expr->children[i])) {
                return false;
            }
        }
        if (expr->child_count == 0) {
            return true;
        }
        expr = expr->children[0];
    }
}

static bool is_unknown(struct planner *planner, const struct expr *expr)
{
    return !is_literal(expr) &&
           value_of_expr(planner->arena, planner->request, expr).kind == VALUE_UNKNOWN;
}

static bool has_unknown_place(struct planner *planner, const struct insert_shape *shape)
{
    const struct value_row *row = planner->statement->insert->rows;
    for (; row != NULL; row = row->next) {
        bool is_key = shape->key_at != NO_COLUMN &&
                      is_unknown(planner, row->values[shape->key_at]) &&
                      can_be_asked(row->values[shape->key_at]);
        bool is_id = shape->id_at != NO_COLUMN && is_unknown(planner, row->values[shape->id_at]) &&
                     can_be_asked(row->values[shape->id_at]);
        bool is_row_id = shape->row_id_at != NO_COLUMN &&
                         is_unknown(planner, row->values[shape->row_id_at]) &&
                         can_be_asked(row->values[shape->row_id_at]);
        if (is_key || is_id || is_row_id) {
            return true;
        }
    }
    return false;
}

// How many uses of sequences are in it.
static uint32_t count_sequences(const struct expr *expr)
{
    uint32_t count = 0;
    for (;;) {
        count += expr_is_sequence(expr);
        for (uint32_t i = 1; i < expr->child_count; i++) {
            count += count_sequences(expr->children[i]);
        }
        if (expr->child_count == 0) {
            return count;
        }
        expr = expr->children[0];
    }
}

static bool is_asked(struct planner *planner, const struct insert_shape *shape,
                     const struct expr *expr, uint32_t at)
{
    if (shape == NULL) {
        return count_sequences(expr) > 0 && can_be_asked(expr);
    }
    bool places = (int32_t)at == shape->key_at || (int32_t)at == shape->id_at ||
                  (int32_t)at == shape->row_id_at;
    bool may_differ = (planner->statement->facts & FACT_NOT_DETERMINISTIC) != 0;
    return (places || may_differ) && is_unknown(planner, expr) && can_be_asked(expr);
}

// Fills plan.asked. False: there are too many, or uses of a sequence that can't be asked for.
static bool collect(struct planner *planner, const struct insert_shape *shape)
{
    struct plan *plan = planner->plan;
    uint32_t sequences = 0, found = 0;
    for (const struct sequence_ref *one = planner->statement->sequences; one != NULL;
         one = one->next) {
        sequences++;
    }
    plan->asked = arena_alloc(planner->arena, ASKED_MAX * sizeof(void *)); // pointers
    const struct value_row *row = planner->statement->insert->rows;
    for (; row != NULL; row = row->next) {
        for (uint32_t i = 0; i < row->value_count; i++) {
            if (!is_asked(planner, shape, row->values[i], i)) {
                continue;
            }
            if (plan->asked_count == ASKED_MAX) {
                return false;
            }
            found += count_sequences(row->values[i]);
            plan->asked[plan->asked_count++] = row->values[i];
        }
    }
    return found == sequences;
}

// What makes the value of an expression depend on the session, or changes it.
static bool is_unfit(const struct planner *planner)
{
    uint32_t unfit = FACT_SETS_USER_VARIABLE | FACT_INSERT_ID_SET | FACT_NAMED_LOCK | FACT_SLEEPS |
                     FACT_NEEDS_PRIMARY | FACT_ROW_COUNT | FACT_FOUND_ROWS | FACT_DIAGNOSTICS |
                     FACT_CONNECTION_ID | (uint32_t)FACT_UNKNOWN_FUNCTION;
    if (planner->statement->sequences != NULL) {
        unfit &= ~(uint32_t)FACT_NEEDS_PRIMARY; // which is theirs
    }
    return (planner->statement->facts & unfit) != 0 || planner->statement->set != NULL;
}

bool insert_asked_find(struct planner *planner, const struct insert_shape *shape)
{
    bool has_sequence = planner->statement->sequences != NULL;
    if (is_unfit(planner) || (!has_sequence && (planner->statement->param_count > 0 ||
                                                !has_unknown_place(planner, shape)))) {
        return false;
    }
    if (!collect(planner, shape)) {
        planner->plan->asked_count = 0;
        return false;
    }
    planner->plan->steps = STEPS_VALUES;
    return true;
}
