#pragma once
// Definitions of tables as SHOW CREATE TABLE writes them: are they the same on two shards?

#include "base/text.h"

// Appends the definition without what each server counts by itself (AUTO_INCREMENT=n).
void definition_normalise(struct slice create, struct text *out);
// Of the normalised text; never 0.
uint64_t definition_hash(struct slice create);
// Adds up the hashes of several tables, in order: `all` is of those before, at first 0; `next` 0: a
// table that isn't there. Never 0.
uint64_t definition_hash_join(uint64_t all, uint64_t next);
// Appends what the one has and the other hasn't, line by line: "has `a` int(11); lacks `b`
// int(11)". Nothing, if they are the same.
void definition_difference(struct slice one, struct slice other, struct text *out);
