#pragma once
// The metrics page: /metrics for Prometheus, /healthz for those who ask whether waybill works
// (libmicrohttpd, driven by the control thread's loop: it has no thread of its own).

#include "admin/admin.h"

struct http; // opaque

// `host` is borrowed until http_stop. NULL with *error when the address can't be opened.
struct http *http_start(const struct admin_host *host, const char *listen, struct error *error);
void http_stop(struct http *http); // NULL is fine
