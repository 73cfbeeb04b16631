// Preloaded into servers and waybills of `make chaos`: a clock that is set forth or back, a disk
// that is slow, and an end, or a halt, at the n-th statement that changes what a server is. The
// file $WAYBILL_FAULTS, a struct faults, says what is wrong; who breaks things
// (tests/chaos/faults.py) writes into it while the program runs.
//
// A call that is replaced goes straight to the kernel, but for the waits, which are told in the
// program's time and have to be in the kernel's.

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct faults {
    _Atomic int64_t clock_step_s;
    _Atomic int64_t fsync_delay_us;
    _Atomic int64_t statements_left; // 0: none is counted; 1: the next one is it
    _Atomic int64_t signal;          // what the program gets then
    _Atomic int64_t is_after;        // the statement still goes out
};

static struct faults nothing;
static _Atomic(struct faults *) found = NULL;

// Where it can't be written (a server that runs as another user), statements are not counted.
static struct faults *faults(void)
{
    struct faults *known = atomic_load(&found);
    if (known != NULL) {
        return known;
    }
    known = &nothing;
    const char *path = getenv("WAYBILL_FAULTS");
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd >= 0) {
        void *map = mmap(NULL, sizeof *known, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        known = map != MAP_FAILED ? map : &nothing;
        close(fd);
    }
    atomic_store(&found, known);
    return known;
}

// ---- the clock

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    if (failed == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        now->tv_sec += faults()->clock_step_s;
    }
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    int failed = (int)syscall(SYS_gettimeofday, now, zone);
    now->tv_sec += faults()->clock_step_s;
    return failed;
}

time_t time(time_t *where)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (where != NULL) {
        *where = now.tv_sec;
    }
    return now.tv_sec;
}

// A moment of the wall's clock (others are times since the machine was started) as the kernel has
// it.
static struct timespec kernel_time(const struct timespec *at)
{
    struct timespec is = *at;
    if (is.tv_sec > 1000000000) {
        is.tv_sec -= faults()->clock_step_s;
    }
    return is;
}

int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict at)
{
    static int (*_Atomic wait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *) = NULL;
    if (wait == NULL) {
        // (C has no other way from an object to a function.)
        void *symbol = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
        int (*next)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
        memcpy(&next, &symbol, sizeof next);
        wait = next;
    }
    struct timespec is = kernel_time(at);
    return wait(cond, mutex, &is);
}

// ---- the disk

static void be_slow(void)
{
    int64_t delay_us = faults()->fsync_delay_us;
    if (delay_us > 0) {
        usleep((useconds_t)delay_us);
    }
}

int fsync(int fd)
{
    be_slow();
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    be_slow();
    return (int)syscall(SYS_fdatasync, fd);
}

// ---- the statements of a promotion

static int is_of_a_promotion(const void *bytes, size_t len)
{
    static const char *const begins[] = {
        "STOP SLAVE",
        "START SLAVE",
        "RESET SLAVE",
        "RESET MASTER",
        "CHANGE MASTER",
        "SET GLOBAL",
        "LOCK TABLES",
        "XA COMMIT",
        "BEGIN NOT ATOMIC",
        "XA ROLLBACK",
        "KILL",
        "INSERT INTO waybill.topology",
        "INSERT INTO waybill.event",
    };
    enum { HEADER = 5, COM_QUERY = 3 };
    const char *packet = bytes;
    for (size_t i = 0; len > HEADER && packet[4] == COM_QUERY && i < sizeof begins / sizeof *begins;
         i++) {
        size_t size = strlen(begins[i]);
        if (len >= HEADER + size && memcmp(packet + HEADER, begins[i], size) == 0) {
            return 1;
        }
    }
    return 0;
}

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
    struct faults *now = faults();
    int is_it = now->statements_left > 0 && is_of_a_promotion(bytes, len) &&
                atomic_fetch_sub(&now->statements_left, 1) == 1;
    if (is_it && !now->is_after) {
        raise((int)now->signal);
    }
    ssize_t sent = syscall(SYS_sendto, fd, bytes, len, flags, NULL, 0);
    if (is_it && now->is_after) {
        raise((int)now->signal);
    }
    return sent;
}
