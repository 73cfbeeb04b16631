#pragma once
// A key in etcd that one process holds while it keeps its lease alive, by etcd's JSON gateway. For
// job threads: every call may block, for a second with each member of etcd that does not answer.
// libcurl and jansson are behind it and are included there only.

#include "base/slice.h"

// Plain values; borrowed for as long as the lease is.
struct etcd_place {
    const char *members; // "host:port,host:port", as cluster/coordination.h has them
    bool is_tls;
    // Paths of PEM files; "": none. ca: whom to trust instead of whom the system does. key: "": it
    // is in the file of the certificate.
    const char *ca, *cert, *key;
};

// Likewise.
struct etcd_wish {
    struct etcd_place place;
    const char *key;
    uint32_t proxy;   // who wishes
    uint32_t lease_s; // when nothing is heard of it for so long the key is free again
};

struct etcd_lease; // opaque

// Once, before the first job thread is started.
void etcd_start_library(void);

// NULL: it is another's, or etcd can't be asked (`why`).
struct etcd_lease *etcd_lease_take(const struct etcd_wish *wish, char *why, size_t why_bytes);
// Is it held, by our own clock, which counts from before etcd's? Is renewed when a third of its
// time has gone.
bool etcd_lease_keep(struct etcd_lease *lease) MUST_CHECK;
// ... is renewed now, and etcd says that the key is still the one that was made.
bool etcd_lease_confirm(struct etcd_lease *lease) MUST_CHECK;
void etcd_lease_give(
    struct etcd_lease *lease); // the key is free at once, if etcd hears it; NULL is fine
// Does etcd answer? False: why not.
bool etcd_is_there(const struct etcd_place *place, char *why, size_t why_bytes) MUST_CHECK;
