// A reason that lasts has to be in the newest events, for whoever looks there; but a job that is
// tried again every few seconds must not fill them.

#include "replication/told.h"

#include <stdio.h>
#include <string.h>

bool told_is_news(struct told *told, const char *text, uint64_t now_us)
{
    bool is_same = strncmp(told->text, text, TOLD_BYTES - 1) == 0;
    if (is_same && now_us < told->at_us + TOLD_AGAIN_S * UINT64_C(1000000)) {
        return false;
    }
    snprintf(told->text, sizeof told->text, "%s", text);
    told->at_us = now_us;
    return text[0] != '\0';
}
