// A file of LOAD DATA, by whatever rules: its rows are the same however it was cut, they are the
// file's bytes in order, and those that one shard gets are read there as the same rows.

#include "router/load_rows.h"

#include <assert.h>

enum { HEAD_BYTES = 8, STEP_WHOLE = 1 << 30 };

struct outcome {
    struct text rows;   // each behind its length; of every second one when `is_part`
    struct text values; // of the same rows
    struct text file;   // the rows alone
    uint64_t count;
    enum load_step last;
};

static void done(struct outcome *outcome)
{
    text_done(&outcome->rows);
    text_done(&outcome->values);
    text_done(&outcome->file);
}

static void add_row(struct outcome *outcome, const struct load_rows *rows)
{
    text_add(&outcome->rows, &rows->row.len, sizeof rows->row.len);
    text_add_slice(&outcome->rows, rows->row);
    text_add_slice(&outcome->file, rows->row);
    for (int i = 0; i < LOAD_WANTED; i++) {
        const struct load_field *field = &rows->fields[i];
        text_add_format(&outcome->values, "%d%d%zu:", field->is_there, field->is_null,
                        field->value.len);
        text_add_slice(&outcome->values, text_slice(&field->value));
    }
}

static struct outcome read_file(const struct load_rules *rules, struct slice file, size_t step,
                                bool is_part)
{
    struct outcome outcome = {.last = LOAD_MORE};
    struct load_rows rows;
    load_rows_init(&rows, rules);
    for (size_t at = 0; at <= file.len && outcome.last == LOAD_MORE; at += step) {
        size_t end = at + step < file.len ? at + step : file.len;
        load_rows_add(&rows, slice_part(file, at, end));
        if (end == file.len) {
            load_rows_end(&rows);
        }
        while ((outcome.last = load_rows_next(&rows)) == LOAD_ROW) {
            assert(rows.content_offset <= rows.row.len);
            outcome.count++;
            if (!is_part || outcome.count % 2 == 0) {
                add_row(&outcome, &rows);
            }
        }
    }
    load_rows_done(&rows);
    return outcome;
}

static int some_byte(uint8_t byte)
{
    return byte >= 0x80 ? LOAD_NO_BYTE : byte;
}

static struct slice some_text(const uint8_t *at, unsigned kind)
{
    static const char *const common[] = {",",   "\t", "\n", "\r\n", "||",
                                         ";;;", "\"", "",   "ab",   "aab"};
    size_t count = sizeof common / sizeof common[0];
    if (kind % 16 < count) {
        return slice_of_string(common[kind % 16]);
    }
    return slice_of(at, *at < 0x80 ? 1 : 0);
}

// Where a row ends then depends on the next one: the router refuses that.
static bool is_entangled(const struct load_rules *rules)
{
    const struct slice *ends[] = {&rules->field_end, &rules->line_end};
    bool is_it = false;
    for (int i = 0; i < 2; i++) {
        is_it |= ends[i]->len > 0 && ends[i]->ptr[0] == rules->escape;
    }
    return is_it && rules->escape == rules->enclosed;
}

static void check_part(const struct load_rules *rules, struct slice file)
{
    struct outcome part = read_file(rules, file, STEP_WHOLE, true);
    struct load_rules there = *rules;
    there.skipped_lines = 0;
    if (part.last == LOAD_MORE) {
        struct outcome again = read_file(&there, text_slice(&part.file), STEP_WHOLE, false);
        assert(again.last == LOAD_MORE);
        assert(slice_equal(text_slice(&part.rows), text_slice(&again.rows)));
        assert(slice_equal(text_slice(&part.values), text_slice(&again.values)));
        done(&again);
    }
    done(&part);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const char *const charsets[] = {"utf8mb4", "utf8mb3", "latin1", "gbk",     "sjis",
                                           "big5",    "ujis",    "euckr",  "gb18030", "binary"};
    if (len < HEAD_BYTES) {
        return 0;
    }
    const bool is_text[] = {bytes[3] & 1, bytes[3] & 2, bytes[3] & 4, bytes[3] & 8};
    struct load_rules rules = {
        .is_text = bytes[3] & 16 ? is_text : NULL,
        .field_end = some_text(bytes, bytes[0]),
        .line_end = some_text(bytes + 1, bytes[1]),
        .line_start = bytes[2] < 200 ? slice_of(NULL, 0) : some_text(bytes + 3, bytes[3]),
        .enclosed = bytes[4] < 0x20 ? '"' : some_byte(bytes[4]),
        .escape = bytes[5] < 0x20 ? '\\' : some_byte(bytes[5]),
        .charset = charset_find(slice_of_string(charsets[bytes[6] % 10])),
        .field_count = 1 + bytes[7] % 4u,
        .skipped_lines = bytes[7] >> 6,
        .wanted = {bytes[6] >> 6, bytes[7] >> 4 & 3},
    };
    if (rules.field_end.len == 0 && rules.enclosed == LOAD_NO_BYTE) {
        return 0;
    }
    struct slice file = slice_of(bytes + HEAD_BYTES, len - HEAD_BYTES);
    struct outcome whole = read_file(&rules, file, STEP_WHOLE, false);
    struct outcome single = read_file(&rules, file, 1, false);
    struct outcome some = read_file(&rules, file, 1 + bytes[3] % 16u, false);
    assert(whole.last == single.last && whole.last == some.last);
    assert(slice_equal(text_slice(&whole.rows), text_slice(&single.rows)));
    assert(slice_equal(text_slice(&whole.values), text_slice(&single.values)));
    assert(slice_equal(text_slice(&whole.rows), text_slice(&some.rows)));
    if (!is_entangled(&rules)) {
        check_part(&rules, file);
    }
    done(&whole);
    done(&single);
    done(&some);
    return 0;
}
