// waybill's first function: the command line, the configuration, then the control thread.

#include <stdio.h>
#include "base/log.h"
#include "server/check_live.h"
#include "server/control.h"
#include "server/options.h"

static struct config *read_config(const char *path)
{
    struct text errors;
    text_init(&errors);
    struct config *config = config_read(path, NULL, &errors);
    if (config == NULL) {
        fwrite(errors.ptr, 1, errors.len, stderr);
    }
    text_done(&errors);
    return config;
}

static int check(const char *path, bool is_live)
{
    struct config *config = read_config(path);
    if (config == NULL) {
        return 1;
    }
    printf("%s: fine: %u servers, %u shards, %u tables, %u users\n", path, config->server_count,
           config->shard_count, config->table_count, config->user_count);
    bool is_fine = !is_live || check_live(config);
    config_free(config);
    return is_fine ? 0 : 1;
}

static int run(const char *path)
{
    struct config *config = read_config(path);
    if (config == NULL) {
        return 1;
    }
    if (!log_open(config->settings.log, (enum log_level)config->settings.log_level)) {
        perror(config->settings.log);
        config_free(config);
        return 1;
    }
    log_name_thread("control");
    return control_run(config);
}

static int print(void (*write)(struct text *out))
{
    struct text out;
    text_init(&out);
    write(&out);
    fwrite(out.ptr, 1, out.len, stdout);
    text_done(&out);
    return 0;
}

int main(int argc, char **argv)
{
    struct options options = options_read(argc, argv);
    switch (options.task) {
    case TASK_RUN:
        return run(options.path);
    case TASK_CHECK:
        return check(options.path, false);
    case TASK_CHECK_LIVE:
        return check(options.path, true);
    case TASK_HELP:
        options_print_help();
        return 0;
    case TASK_VERSION:
        printf("waybill %s\n", WAYBILL_VERSION);
        return 0;
    case TASK_PRINT_INI:
        return print(settings_write_ini);
    case TASK_PRINT_SETTINGS:
        return print(settings_write_markdown);
    case TASK_WRONG:
        return 2;
    }
    return 2;
}
