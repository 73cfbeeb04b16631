// The text of a configuration, cut into sections and settings. inih splits the lines that set
// something; the reader that feeds it does what inih can't: it counts lines (Debian's build does
// not tell them), sees empty sections and section names of more than 50 bytes, and notices lines
// that inih passes over in silence.
//
//     text --next_line()--> inih --on_setting()--> entry of the current section
//              '--- [section] lines, blank lines and comments stay here
//
// inih's options are variables of the library; they are set before each use, by this file alone.
// A comment begins with # or ; at the start of a line, or behind a blank. A value in double quotes
// may have anything inside; a quote inside is doubled.

#include "cluster/config_impl.h"

#include <ini.h>
#include <stdio.h>

enum { LINE_MAX_BYTES = 256 * 1024 };

static const char byte_order_mark[] = "\xef\xbb\xbf";

struct file_reader {
    struct build *build;
    struct slice rest; // of the file
    int line;
    bool is_pending;         // inih got a line and has not come back with a setting
    bool is_skipping;        // the section is unknown: its settings are not looked at
    struct section *section; // NULL: before the first one
};

static const char *const kind_names[SECTION_KINDS] = {
    [SECTION_WAYBILL] = "waybill", [SECTION_SERVER] = "server", [SECTION_SHARD] = "shard",
    [SECTION_USER] = "user",       [SECTION_TABLE] = "table",   [SECTION_INDEX] = "index",
};

const char *section_kind_name(enum section_kind kind)
{
    return kind_names[kind];
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\v' || byte == '\f';
}

static bool is_comment_sign(uint8_t byte)
{
    return byte == '#' || byte == ';';
}

struct slice slice_trim(struct slice text)
{
    while (text.len > 0 && is_blank(text.ptr[0])) {
        text = slice_part(text, 1, text.len);
    }
    while (text.len > 0 && is_blank(text.ptr[text.len - 1])) {
        text.len--;
    }
    return text;
}

// Up to a comment that stands behind a blank.
static struct slice cut_comment(struct slice text)
{
    for (size_t i = 1; i < text.len; i++) {
        if (is_comment_sign(text.ptr[i]) && is_blank(text.ptr[i - 1])) {
            return slice_trim(slice_part(text, 0, i));
        }
    }
    return text;
}

// ---- sections

static bool find_kind(struct build *build, int line, struct slice word, enum section_kind *kind)
{
    struct near_miss near = {.wanted = word};
    for (int i = 0; i < SECTION_KINDS; i++) {
        if (slice_equal(word, slice_of_string(kind_names[i]))) {
            *kind = (enum section_kind)i;
            return true;
        }
        near_miss_consider(&near, kind_names[i]);
    }
    build_error(build, line,
                "unknown section [%.*s]%s (there are [waybill], [server NAME], [shard NAME], "
                "[user NAME], [table SCHEMA.NAME] and [index NAME])",
                (int)word.len, (const char *)word.ptr, near_miss_text(build, &near));
    return false;
}

static bool is_first(struct build *build, const struct section *section)
{
    const struct section *other = NULL;
    struct slice name = slice_of_string(section->name);
    if (section->kind == SECTION_USER) {
        return true; // several with different hosts: config_user.c
    }
    while ((other = build_next(build, section->kind, other)) != NULL) {
        struct slice other_name = slice_of_string(other->name);
        bool is_same = section->kind == SECTION_TABLE ? slice_equal_nocase(name, other_name)
                                                      : slice_equal(name, other_name);
        if (is_same) {
            build_error(build, section->line, "a second section [%s%s%s]; the first is in line %d",
                        section_kind_name(section->kind), name.len > 0 ? " " : "", section->name,
                        other->line);
            return false;
        }
    }
    return true;
}

static bool has_good_name(struct build *build, const struct section *section)
{
    const char *kind = section_kind_name(section->kind);
    if (section->kind == SECTION_WAYBILL) {
        if (section->name[0] != '\0') {
            build_error(build, section->line, "[waybill] has no name, so '%s' is too much",
                        section->name);
        }
        return true;
    }
    if (section->name[0] == '\0') {
        build_error(build, section->line, "[%s] needs a name: [%s NAME]", kind, kind);
        return false;
    }
    if (section->kind <= SECTION_SHARD && strpbrk(section->name, " \t,:") != NULL) {
        build_error(build, section->line,
                    "the name of a %s has no blanks, commas or colons: '%s' (lists of names "
                    "are written with them)",
                    kind, section->name);
    }
    return true;
}

static void begin_section(struct file_reader *reader, struct slice line)
{
    struct build *build = reader->build;
    const uint8_t *end = memchr(line.ptr, ']', line.len);
    reader->is_skipping = true;
    if (end == NULL) {
        build_error(build, reader->line, "a section begins with [ and ends with ]");
        return;
    }
    size_t end_at = (size_t)(end - line.ptr);
    struct slice behind = slice_trim(slice_part(line, end_at + 1, line.len));
    if (behind.len > 0 && !is_comment_sign(behind.ptr[0])) {
        build_error(build, reader->line, "there is more behind the ] of a section: '%.*s'",
                    (int)behind.len, (const char *)behind.ptr);
    }
    struct slice inside = slice_trim(slice_part(line, 1, end_at));
    size_t word = 0;
    while (word < inside.len && !is_blank(inside.ptr[word])) {
        word++;
    }
    struct slice name = slice_trim(slice_part(inside, word, inside.len));
    enum section_kind kind;
    if (!find_kind(build, reader->line, slice_part(inside, 0, word), &kind)) {
        return;
    }
    struct section *section = arena_alloc(&build->scratch, sizeof *section);
    section->kind = kind;
    section->name =
        (const char *)arena_format(&build->scratch, "%.*s", (int)name.len, (const char *)name.ptr)
            .ptr;
    section->line = reader->line;
    // One that can't be used is not built, but its settings are looked at.
    if (has_good_name(build, section) && is_first(build, section)) {
        *(build->last != NULL ? &build->last->next : &build->sections) = section;
        build->last = section;
    }
    reader->section = section;
    reader->is_skipping = false;
}

// ---- settings

// Takes quotes and comment off. False with an error.
static bool read_value(struct file_reader *reader, const char *name, struct slice raw,
                       struct slice *value)
{
    if (raw.len > 0 && is_comment_sign(raw.ptr[0])) {
        if (raw.len > 1 && !is_blank(raw.ptr[1])) {
            build_error(reader->build, reader->line,
                        "is that the value of %s or a comment? Put a value that begins with %c "
                        "into double quotes",
                        name, raw.ptr[0]);
            return false;
        }
        raw.len = 0;
    }
    if (raw.len == 0 || raw.ptr[0] != '"') {
        raw = cut_comment(raw);
        *value = arena_format(&reader->build->scratch, "%.*s", (int)raw.len,
                              raw.len > 0 ? (const char *)raw.ptr : "");
        return true;
    }
    uint8_t *out = arena_alloc(&reader->build->scratch, raw.len);
    size_t len = 0;
    size_t at = 1;
    for (; at < raw.len; at++) {
        if (raw.ptr[at] == '"' && (at + 1 == raw.len || raw.ptr[at + 1] != '"')) {
            break;
        }
        at += raw.ptr[at] == '"';
        out[len++] = raw.ptr[at];
    }
    if (at >= raw.len) {
        build_error(reader->build, reader->line, "the closing double quote of %s is missing", name);
        return false;
    }
    struct slice behind = slice_trim(slice_part(raw, at + 1, raw.len));
    if (behind.len > 0 && !is_comment_sign(behind.ptr[0])) {
        build_error(reader->build, reader->line,
                    "there is more behind the closing double quote of %s (a quote inside is "
                    "doubled)",
                    name);
        return false;
    }
    *value = slice_of(out, len);
    return true;
}

static bool is_known(struct file_reader *reader, const char *name)
{
    struct build *build = reader->build;
    struct near_miss near = {.wanted = slice_of_string(name)};
    enum section_kind kind = reader->section->kind;
    size_t count = 0;
    if (kind == SECTION_WAYBILL) {
        const struct setting *settings = setting_table(&count);
        for (size_t i = 0; i < count; i++) {
            near_miss_consider(&near, settings[i].name);
        }
    } else {
        const struct section_setting *settings = section_settings(&count);
        for (size_t i = 0; i < count; i++) {
            if (settings[i].kind == kind) {
                near_miss_consider(&near, settings[i].name);
            }
        }
    }
    if (near.best != NULL && near.distance == 0) {
        return true;
    }
    build_error(build, reader->line, "unknown setting '%s' in [%s]%s", name,
                section_kind_name(kind), near_miss_text(build, &near));
    return false;
}

// inih's handler: one `name = value`.
static int on_setting(void *user, const char *section, const char *name, const char *text)
{
    (void)section; // cut by inih at 50 bytes; the reader knows it
    struct file_reader *reader = user;
    struct build *build = reader->build;
    reader->is_pending = false;
    if (reader->section == NULL && !reader->is_skipping) {
        build_error(build, reader->line, "'%s' is set before any section; is [waybill] missing?",
                    name);
        return 1;
    }
    struct slice value;
    if (reader->is_skipping || !is_known(reader, name) ||
        !read_value(reader, name, slice_trim(slice_of_string(text)), &value)) {
        return 1;
    }
    struct entry **link = &reader->section->entries;
    for (; *link != NULL; link = &(*link)->next) {
        if (strcmp((*link)->name, name) == 0) {
            build_error(build, reader->line, "%s is set a second time; the first is in line %d",
                        name, (*link)->line);
            return 1;
        }
    }
    *link = arena_alloc(&build->scratch, sizeof **link);
    (*link)->name = (const char *)arena_format(&build->scratch, "%s", name).ptr;
    (*link)->value = value;
    (*link)->line = reader->line;
    return 1;
}

// ---- lines

static void check_pending(struct file_reader *reader)
{
    if (reader->is_pending) {
        build_error(reader->build, reader->line,
                    "this line is neither a [section] nor `name = value`");
        reader->is_pending = false;
    }
}

static struct slice take_line(struct file_reader *reader)
{
    const uint8_t *end = memchr(reader->rest.ptr, '\n', reader->rest.len);
    size_t len = end != NULL ? (size_t)(end - reader->rest.ptr) : reader->rest.len;
    struct slice line = slice_part(reader->rest, 0, len);
    reader->rest = slice_part(reader->rest, len + (end != NULL), reader->rest.len);
    reader->line++;
    return slice_trim(line);
}

// inih's reader: puts the next line that sets something into `out`; NULL at the end.
static char *next_line(char *out, int max, void *stream)
{
    struct file_reader *reader = stream;
    check_pending(reader);
    while (reader->rest.len > 0) {
        struct slice line = take_line(reader);
        if (line.len == 0 || is_comment_sign(line.ptr[0])) {
            continue;
        }
        if (memchr(line.ptr, '\0', line.len) != NULL) {
            build_error(reader->build, reader->line, "there is a NUL byte in this line");
        } else if (line.ptr[0] == '[') {
            begin_section(reader, line);
        } else if (line.len + 2 > (size_t)max) {
            build_error(reader->build, reader->line, "this line has more than %d bytes", max - 2);
        } else {
            memcpy(out, line.ptr, line.len);
            out[line.len] = '\0';
            reader->is_pending = true;
            return out;
        }
    }
    return NULL;
}

void build_read_sections(struct build *build, struct slice text)
{
    struct file_reader reader = {.build = build, .rest = text};
    size_t mark = sizeof byte_order_mark - 1;
    if (text.len >= mark && memcmp(text.ptr, byte_order_mark, mark) == 0) {
        reader.rest = slice_part(text, mark, text.len);
    }
    ini_use_stack = false; // long lists are long lines
    ini_initial_alloc = LINE_MAX_BYTES;
    ini_max_line = LINE_MAX_BYTES;
    ini_allow_multiline = false;
    ini_allow_inline_comments = false; // inih would cut inside quotes
    ini_stop_on_first_error = false;
    if (ini_parse_stream(next_line, &reader, on_setting, &reader) < 0) {
        build_error(build, 0, "out of memory");
    }
    check_pending(&reader);
}
