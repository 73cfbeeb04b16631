#pragma once
// The setting `coordination`: by what waybills agree on who may promote.

#include "base/slice.h"

// False: *why says what is wrong.
bool coordination_check(const char *text, char *why, size_t why_bytes) MUST_CHECK;
// The members of etcd, "host:port,host:port", borrowed from the text; NULL: the servers themselves.
const char *coordination_etcd(const char *text) MUST_CHECK;
bool coordination_is_tls(const char *text) MUST_CHECK; // ... spoken to over TLS
// Of the cluster, as a part of a key in etcd.
bool coordination_is_name(const char *name) MUST_CHECK;
