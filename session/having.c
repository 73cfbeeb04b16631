#include "session/having.h"

#include "protocol/error_table.h"

enum truth { TRUTH_NO, TRUTH_UNKNOWN, TRUTH_YES };

static bool is_exact(const struct having_operand *operand, const struct fold *folds)
{
    return operand->number.ptr != NULL || fold_is_exact(&folds[operand->fold]);
}

bool having_check(const struct plan_having *having, const struct fold *folds, struct error *error)
{
    switch (having->kind) {
    case HAVING_AND:
    case HAVING_OR:
        return having_check(having->left, folds, error) &&
               having_check(having->right, folds, error);
    case HAVING_NOT:
        return having_check(having->left, folds, error);
    case HAVING_IS_NULL:
        return true;
    case HAVING_COMPARED:
        break;
    }
    if (!is_exact(&having->a, folds) || !is_exact(&having->b, folds)) {
        error_fill(error, ER_CROSS_SHARD,
                   "waybill compares only whole numbers and DECIMALs in HAVING over several "
                   "shards");
        return false;
    }
    return true;
}

// The text of it, in `text` or elsewhere.
static struct field value_of(const struct having_operand *operand, const struct fold *folds,
                             struct text *text)
{
    struct field field = {.bytes = operand->number};
    if (operand->number.ptr == NULL) {
        field.is_null = !fold_exact_text(&folds[operand->fold], text);
        field.bytes = text_slice(text);
    }
    return field;
}

static bool is_so(enum expr_op op, int order)
{
    switch ((int)op) {
    case OP_EQUAL:
        return order == 0;
    case OP_NOT_EQUAL:
        return order != 0;
    case OP_LESS:
        return order < 0;
    case OP_LESS_EQUAL:
        return order <= 0;
    case OP_GREATER:
        return order > 0;
    default:
        return order >= 0;
    }
}

static enum truth compare(const struct plan_having *having, const struct fold *folds)
{
    static const struct comparison by_number = {.method = COMPARE_NUMBER_TEXT};
    struct text a_text, b_text;
    enum truth truth = TRUTH_UNKNOWN;
    text_init(&a_text);
    text_init(&b_text);
    struct field a = value_of(&having->a, folds, &a_text);
    struct field b = value_of(&having->b, folds, &b_text);
    if (!a.is_null && !b.is_null) {
        truth = is_so(having->op, compare_fields(&by_number, &a, &b)) ? TRUTH_YES : TRUTH_NO;
    }
    text_done(&a_text);
    text_done(&b_text);
    return truth;
}

static enum truth decide(const struct plan_having *having, const struct fold *folds)
{
    enum truth left, right;
    switch (having->kind) {
    case HAVING_AND:
        left = decide(having->left, folds);
        right = decide(having->right, folds);
        return left < right ? left : right;
    case HAVING_OR:
        left = decide(having->left, folds);
        right = decide(having->right, folds);
        return left > right ? left : right;
    case HAVING_NOT:
        return TRUTH_YES - decide(having->left, folds);
    case HAVING_IS_NULL:
        return fold_is_null(&folds[having->a.fold]) ? TRUTH_YES : TRUTH_NO;
    case HAVING_COMPARED:
        return compare(having, folds);
    }
    return TRUTH_UNKNOWN;
}

bool having_holds(const struct plan_having *having, const struct fold *folds)
{
    return decide(having, folds) == TRUTH_YES;
}
