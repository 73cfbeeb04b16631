#pragma once
// How writes to several shards are done: words, and what a session may choose for itself.

#include "base/slice.h"
#include "cluster/config.h"

const char *const *distributed_words(void); // in the order of the enum; NULL at the end
// False: no such word.
bool distributed_find(struct slice word, enum distributed *found) MUST_CHECK;
// A user's own `distributed` is the bound: nobody is less safe, or writes to more shards, than the
// configuration says. atomic may be refuse, best_effort anything, refuse is refuse.
bool distributed_may_choose(enum distributed of_user, enum distributed wanted) MUST_CHECK;
