#include "replication/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"

enum { VARIABLES = 6, FIRST_OTHER = 3 };

// This process's environment and the facts; in the arena.
static char **environment(struct arena *arena, const struct hook_facts *facts)
{
    size_t count = 0;
    while (environ[count] != NULL) {
        count++;
    }
    char **all = arena_alloc(arena, (count + VARIABLES + 1) * sizeof *all);
    memcpy(all, environ, count * sizeof *all);
    const struct slice added[VARIABLES] = {
        arena_format(arena, "WAYBILL_EVENT=%s", facts->event),
        arena_format(arena, "WAYBILL_SHARD=%s", facts->shard),
        arena_format(arena, "WAYBILL_SERVER=%s", facts->server),
        arena_format(arena, "WAYBILL_BEFORE=%s", facts->before),
        arena_format(arena, "WAYBILL_PROXY=%u", facts->proxy),
        arena_format(arena, "WAYBILL_TEXT=%s", facts->text),
    };
    for (size_t i = 0; i < VARIABLES; i++) {
        all[count + i] = (char *)added[i].ptr;
    }
    return all; // (the arena is zeroed: it ends with NULL)
}

// Nothing of waybill's but standard output and error, where its log may go.
static int spawn(const char *path, char **variables, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    char *arguments[] = {(char *)path, NULL};
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&files, FIRST_OTHER);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    int failed = posix_spawn(pid, path, &files, &attributes, arguments, variables);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return failed;
}

static struct hook_process *free_place(struct hooks *hooks)
{
    for (size_t i = 0; i < HOOKS_MAX; i++) {
        if (hooks->running[i].pid == 0) {
            return &hooks->running[i];
        }
    }
    return NULL;
}

void hook_run(struct hooks *hooks, const char *path, const struct hook_facts *facts,
              uint64_t now_us)
{
    if (path[0] == '\0') {
        return;
    }
    hooks_look(hooks, now_us);
    struct hook_process *process = free_place(hooks);
    if (process == NULL) {
        log_warning("the hook is not run for '%s' of shard %s: %d are running", facts->event,
                    facts->shard, HOOKS_MAX);
        return;
    }
    struct arena arena;
    pid_t pid = 0;
    arena_init(&arena, NULL);
    int failed = spawn(path, environment(&arena, facts), &pid);
    arena_clear(&arena);
    if (failed != 0) {
        log_error("the hook %s can't be run for '%s' of shard %s: %s", path, facts->event,
                  facts->shard, strerror(failed));
        return;
    }
    *process = (struct hook_process){.pid = pid, .began_us = now_us};
}

static void note_end(int status)
{
    if (WIFSIGNALED(status)) {
        log_warning("the hook was ended by signal %d", WTERMSIG(status));
    } else if (WEXITSTATUS(status) != 0) {
        log_warning("the hook ended with exit code %d", WEXITSTATUS(status));
    }
}

void hooks_look(struct hooks *hooks, uint64_t now_us)
{
    for (size_t i = 0; i < HOOKS_MAX; i++) {
        struct hook_process *process = &hooks->running[i];
        int status = 0;
        if (process->pid == 0) {
            continue;
        }
        if (waitpid(process->pid, &status, WNOHANG) == process->pid) {
            note_end(status);
            process->pid = 0;
        } else if (now_us - process->began_us > HOOK_MAX_S * 1000000ull) {
            kill(-process->pid, SIGKILL); // its whole group
        }
    }
}
