#pragma once
// WHERE and ON -> where rows can be.

#include "router/value.h"
#include "router/scope.h"

// Joins the scope's tables into classes by equalities of keys and ids, and narrows each class by
// every condition that all rows of the result fulfil.
void condition_narrow(struct scopes *scopes, struct scope *scope, const struct expr *where);

// The shards of rows whose attribute (of a sharded table) equals the value; all its shards when
// that is not certain.
struct shard_set condition_equal(struct scopes *scopes, const struct scope_column *column,
                                 const struct value *value);
