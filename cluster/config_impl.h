#pragma once
// Private to cluster/: how a file becomes a config. config_file.c cuts the text into sections and
// settings; the builders (config_server.c, config_user.c, config_table.c) make values of them;
// every one goes on after a mistake, so that all mistakes are reported at once.

#include "cluster/config.h"

enum section_kind {
    SECTION_WAYBILL,
    SECTION_SERVER,
    SECTION_SHARD,
    SECTION_USER,
    SECTION_TABLE,
    SECTION_INDEX,
};
enum { SECTION_KINDS = 6 };

// What a table can be: its type and method, or `with`. Which settings have a meaning depends on it.
enum table_shape {
    SHAPE_BUCKET = 1,
    SHAPE_RANGE = 2,
    SHAPE_LIST = 4,
    SHAPE_MODULO = 8,
    SHAPE_DATE = 16,
    SHAPE_WITH = 32,
    SHAPE_REFERENCE = 64,
    SHAPE_UNSHARDED = 128,
    SHAPE_ANY = 255,
};

// A setting of a named section: one row serves the check for unknown names and the documents.
struct section_setting {
    enum section_kind kind;
    unsigned shapes; // SECTION_TABLE: where it has a meaning
    const char *name;
    const char *form; // what a value looks like
    const char *default_text;
    const char *help;
};

const struct section_setting *section_settings(size_t *count);
const char *section_kind_name(enum section_kind kind);

struct entry {
    struct entry *next;
    const char *name;
    struct slice value; // without quotes and comment; a NUL follows
    int line;
};

struct section {
    struct section *next; // in the order of the file
    enum section_kind kind;
    const char *name; // empty for [waybill]
    int line;
    uint16_t id; // of the server, shard or user; set by its builder
    struct entry *entries;
};

struct config_error;

struct build {
    struct config *config;       // being made; owns what lasts
    const struct config *before; // the running one; may be NULL
    const char *path;
    struct arena scratch;     // sections, entries and errors
    struct section *sections; // all, in the order of the file
    struct section *last;     // of them
    struct config_error *errors;
    size_t error_count;
};

// config_error.c
void build_error(struct build *build, int line, const char *format, ...) PRINTF_LIKE(3, 4);
void build_print_errors(struct build *build, struct text *out); // sorted by line
const char *build_first_error(const struct build *build);       // "": there is none

// The known word that was most likely meant, if any is near enough.
struct near_miss {
    struct slice wanted;
    const char *best; // NULL: none
    size_t distance;
};
void near_miss_consider(struct near_miss *near, const char *candidate);
// ", did you mean 'x'?" or nothing; in the scratch arena.
const char *near_miss_text(struct build *build, const struct near_miss *near);

// config_file.c
void build_read_sections(struct build *build, struct slice text);

// config_build.c: what all builders use
size_t build_count(const struct build *build, enum section_kind kind);
// The next section of the kind, behind `after` (NULL: from the first).
struct section *build_next(const struct build *build, enum section_kind kind,
                           const struct section *after);
struct section *build_find(const struct build *build, enum section_kind kind, struct slice name);
struct entry *section_find(const struct section *section, const char *name);
// The value's text in the config's arena; `missing` (borrowed) when it is not set.
const char *section_text(struct build *build, const struct section *section, const char *name,
                         const char *missing);
struct integer_limits {
    int64_t missing, min, max;
};
int64_t section_integer(struct build *build, const struct section *section, const char *name,
                        struct integer_limits limits);
// The place of the value in `words` (ends with NULL); `missing` when it is not set or wrong.
int section_choice(struct build *build, const struct section *section, const char *name,
                   const char *const *words, int missing);
const char *build_keep(struct build *build, struct slice text); // with a NUL, in the config's arena
// False with errno; EFBIG: it is no file of ours.
bool build_read_file(const char *path, struct text *text) MUST_CHECK;
// Cuts the next part off a list; blanks around it are dropped. False at the end.
bool list_next(struct slice *rest, char separator, struct slice *item) MUST_CHECK;
struct slice slice_trim(struct slice text);
// The shard that is named in a value; false with an error.
bool build_find_shard(struct build *build, int line, struct slice name, uint16_t *shard) MUST_CHECK;

// The line of a setting, or of the section where it is missing (0 where that is, too).
int section_line(const struct section *section, const char *name);

// The builders
void build_client_tls(struct build *build, const struct section *section); // [waybill]; may be NULL
void build_servers(struct build *build);
// Sections in the order of the file: the contexts of the ones before may serve, too.
void build_link(struct build *build, const struct section *section, struct server_link *link);
void server_link_done(struct server_link *link);
void build_shards(struct build *build);     // after build_servers
void build_discovered(struct build *build); // after build_shards: what was taken in before
// The servers of the running configuration, with these that were taken in instead of those that it
// has.
void config_take_servers(struct config *next, const struct config *running,
                         const struct discovered *list, size_t count);
void build_users(struct build *build);
bool section_has_password(const struct section *section) MUST_CHECK; // or a hash of one
void build_password(struct build *build, const struct section *section, struct user_config *user);
void build_tables(struct build *build); // after build_shards
// The section of the table that a setting names; NULL with an error. `SCHEMA.NAME`.
const struct section *build_find_table(struct build *build, const struct entry *entry);
void build_indexes(struct build *build); // after build_tables

// config_roll.c: the places of the accounts, from wherever they were read.
struct roll {
    struct config *config;       // being made
    const struct config *before; // may be NULL
    size_t room;                 // places in config->users
    uint16_t next_gap;
};
// Everybody who was there before has his place, as removed; there is room for `more`.
void roll_begin(struct roll *roll, struct config *config, const struct config *before, size_t more);
// The place of this account, with all that is not 0 set: as for servers, who has the same name and
// hosts keeps his. The texts are borrowed. NULL: there are ACCOUNTS_MAX.
struct user_config *roll_add(struct roll *roll, const char *name, const char *from);
// The same for one that is known; all of it is copied.
struct user_config *roll_copy(struct roll *roll, const struct user_config *user);
void roll_end(struct roll *roll); // now they can be found by name
// The first place of users_by_name with that name, or where it would be; and who has that name at a
// place (NULL: nobody). In the order of ids, the removed ones too.
uint16_t config_first_named(const struct config *config, struct slice name);
const struct user_config *config_named(const struct config *config, uint16_t place,
                                       struct slice name);

// config_accounts.c: the settings of the section for accounts of that name, or of [user *].
void profile_apply(const struct config *config, struct user_config *user);

// A configuration with the running one's accounts, that shares all else with the running one's file
// and has an empty arena of its own.
struct config *config_derive(struct config *running);
// ... and its declared tables.
void config_keep_declared(struct config *next, const struct config *running);

// config_declared.c
void build_keep_sections(struct build *build); // for those below
// Tables and indexes anew, of the file's sections and these rows. False with lines in `errors`.
bool config_add_declared(struct config *next, uint64_t number, struct slice rows,
                         struct text *errors) MUST_CHECK;

// config_keys.c: the values of `ranges`, `lists` and `shards`
void build_ranges(struct build *build, struct table_config *table, const struct entry *entry);
void build_lists(struct build *build, struct table_config *table, const struct entry *entry);
void build_modulo(struct build *build, struct table_config *table, const struct entry *entry);

// config_find.c: order of table names, ASCII letters without case. <0, 0 or >0.
int name_compare(struct slice a, struct slice b);
