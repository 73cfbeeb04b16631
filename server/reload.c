// A reload is a new snapshot with a new config, or nothing. A setting that can't change while
// waybill runs makes the whole reload fail: half of a file in force would be worse than the old
// one.

#include "server/reload.h"

static bool is_setting_equal(const struct setting *setting, const struct settings *a,
                             const struct settings *b)
{
    const char *at_a = (const char *)a + setting->offset;
    const char *at_b = (const char *)b + setting->offset;
    switch (setting->type) {
    case SETTING_TEXT:
    case SETTING_SECRET:
        return strcmp(*(const char *const *)(const void *)at_a,
                      *(const char *const *)(const void *)at_b) == 0;
    case SETTING_INTEGER:
    case SETTING_CHOICE:
        return memcmp(at_a, at_b, sizeof(int64_t)) == 0;
    case SETTING_BOOL:
        return *(const bool *)at_a == *(const bool *)at_b;
    }
    return false;
}

static bool find_restarts(const struct config *running, const struct config *next,
                          struct text *errors)
{
    size_t count;
    const struct setting *table = setting_table(&count);
    bool is_fine = true;
    for (size_t i = 0; i < count; i++) {
        if (table[i].is_reloadable ||
            is_setting_equal(&table[i], &running->settings, &next->settings)) {
            continue;
        }
        text_add_format(errors, "%s: %s was changed: that needs a restart\n", next->path,
                        table[i].name);
        is_fine = false;
    }
    return is_fine;
}

struct snapshot *reload_config(const struct snapshot *running, struct text *errors)
{
    struct config *next = config_read(running->config->path, running->config, errors);
    if (next == NULL) {
        return NULL;
    }
    if (!find_restarts(running->config, next, errors)) {
        config_free(next);
        return NULL;
    }
    return snapshot_copy(running, next);
}
