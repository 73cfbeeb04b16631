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
        if (is_key || is_id) {
            return true;
        }
    }
    return false;
}

static bool is_asked(struct planner *planner, const struct insert_shape *shape,
                     const struct expr *expr, uint32_t at)
{
    bool places = (int32_t)at == shape->key_at || (int32_t)at == shape->id_at;
    bool may_differ = (planner->statement->facts & FACT_NOT_DETERMINISTIC) != 0;
    return (places || may_differ) && is_unknown(planner, expr) && can_be_asked(expr);
}

bool insert_asked_find(struct planner *planner, const struct insert_shape *shape)
{
    const uint32_t unfit = FACT_SETS_USER_VARIABLE | FACT_INSERT_ID_SET | FACT_NAMED_LOCK |
                           FACT_SLEEPS | FACT_NEEDS_PRIMARY | FACT_ROW_COUNT | FACT_FOUND_ROWS |
                           FACT_DIAGNOSTICS | FACT_CONNECTION_ID | (uint32_t)FACT_UNKNOWN_FUNCTION;
    struct plan *plan = planner->plan;
    if ((planner->statement->facts & unfit) != 0 || planner->statement->param_count > 0 ||
        planner->statement->set != NULL || !has_unknown_place(planner, shape)) {
        return false;
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
            plan->asked[plan->asked_count++] = row->values[i];
        }
    }
    plan->steps = STEPS_VALUES;
    return true;
}
