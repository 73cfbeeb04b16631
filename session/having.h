#pragma once
// HAVING, decided by the values of a group that is whole. Pure.

#include "session/fold.h"

// Can it be: are all that it compares exact numbers? False with *error.
bool having_check(const struct plan_having *having, const struct fold *folds,
                  struct error *error) MUST_CHECK;
// Does the group stay? NULL is no yes.
bool having_holds(const struct plan_having *having, const struct fold *folds) MUST_CHECK;
