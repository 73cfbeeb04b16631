#pragma once
// What a shard's primary has written down for this waybill (waybill.id_clock): order ids of the
// shard may be made with a time from `from_ms` on and before `upto_ms` (Unix milliseconds), and
// nobody else makes ids with this proxy_id for that time, however often waybill is started again.

#include "base/slice.h"

struct id_grant {
    uint64_t from_ms;
    uint64_t upto_ms; // 0: nothing was granted yet
    bool is_taken;    // another waybill that runs has the same proxy_id: nothing more is granted
};
