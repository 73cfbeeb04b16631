#pragma once
// Rewriting: replaces spans of a statement's text and leaves every other byte as it was.

#include "parser/tree.h"

struct splice {
    struct span span; // begin == end: an insertion
    struct slice with;
};

// The splices must be sorted by begin and not overlap. The result is in the arena.
struct slice splice_text(struct arena *arena, struct slice text, const struct splice *splices,
                         size_t count);
