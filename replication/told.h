#pragma once
// What was said last, so that the same is not said all the time, nor once and then never again.

#include <stdint.h>

#include "base/slice.h"

enum { TOLD_BYTES = 160, TOLD_AGAIN_S = 60 };

struct told { // zeroed: nothing was said
    char text[TOLD_BYTES];
    uint64_t at_us;
};

// Is it to be said now: another text than the last, or a minute later? Then it is remembered as
// said. The empty text is no news but makes the next one news.
bool told_is_news(struct told *told, const char *text, uint64_t now_us) MUST_CHECK;
