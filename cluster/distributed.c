#include "cluster/distributed.h"

const char *const *distributed_words(void)
{
    static const char *const words[] = {[DISTRIBUTED_REFUSE] = "refuse",
                                        [DISTRIBUTED_BEST_EFFORT] = "best_effort",
                                        [DISTRIBUTED_ATOMIC] = "atomic",
                                        NULL};
    return words;
}

bool distributed_find(struct slice word, enum distributed *found)
{
    const char *const *words = distributed_words();
    for (int i = 0; words[i] != NULL; i++) {
        if (slice_is_nocase(word, words[i])) {
            *found = (enum distributed)i;
            return true;
        }
    }
    return false;
}

bool distributed_may_choose(enum distributed of_user, enum distributed wanted)
{
    return wanted == of_user || wanted == DISTRIBUTED_REFUSE || of_user == DISTRIBUTED_BEST_EFFORT;
}
