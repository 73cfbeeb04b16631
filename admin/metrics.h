#pragma once
// The figures of waybill: one table, for the metrics page (Prometheus, text format 0.0.4) and for
// SHOW STATUS.

#include "admin/admin.h"
#include "base/text.h"

struct metrics_view {
    const struct admin_host *host;
    const struct snapshot *snapshot;
    struct worker_report **reports; // by worker; NULL: the figures of pools are left out
    uint16_t report_count;
};

// The page.
void metrics_write(const struct metrics_view *view, struct text *out);

// Every sample as name, labels (`server="a1"`, may be empty), value and help.
struct metrics_reader {
    void (*on_sample)(struct metrics_reader *reader, const char *name, const char *labels,
                      const char *value, const char *help);
};
void metrics_read(const struct metrics_view *view, struct metrics_reader *reader);

// The pools of all workers, added up by server, account and kind of connection; sorted. In the
// arena.
struct arena;
struct pool_figures *metrics_pools(const struct metrics_view *view, struct arena *arena,
                                   size_t *count);
