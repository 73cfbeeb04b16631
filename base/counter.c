// The counters' functions are all inline (they are on the query path); this file makes the header
// compile alone.

#include "base/counter.h"

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a counter must be a plain load and store");
