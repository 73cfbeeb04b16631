#include "server/limits.h"

#include <sys/resource.h>
#include <unistd.h>
#include "base/log.h"

enum { WORKERS_MAX = 256 };

void limits_raise_descriptors(const struct settings *settings)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return;
    }
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < (rlim_t)settings->max_clients) {
        log_warning("only %llu descriptors are allowed (ulimit -n), max_clients is %lld",
                    (unsigned long long)limit.rlim_cur, (long long)settings->max_clients);
    }
}

uint16_t limits_count_workers(const struct settings *settings)
{
    long wanted = settings->workers > 0 ? (long)settings->workers : sysconf(_SC_NPROCESSORS_ONLN);
    if (wanted < 1) {
        wanted = 1;
    }
    return (uint16_t)(wanted > WORKERS_MAX ? WORKERS_MAX : wanted);
}
