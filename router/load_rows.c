// The reader of LOAD DATA's rows. The servers' own reads byte by byte and puts back what it read
// too far; here all looks ahead are into a window, and when it ends too early the reader waits
// where it stands, so that nothing depends on how the bytes were cut.
//
//     SKIPPING --IGNORE n LINES are over--> START --line_start was found--> FIELD <--> INSIDE
//                                             ^                               |          |
//                                             |              the row is whole |          | the last
//                                             +-------------------------------+          v field
//                                             +------------- end of the line ---------- REST
//
// What is not obvious (all tried with MariaDB 10.11):
//   - Behind the last field the rest of the line is passed over without regard to quotes.
//   - A quote ends a field only in front of a separator or the end of the file.
//   - With equal separators for fields and lines there are no lines: a row is as many fields as it
//     has columns, and IGNORE n LINES skips nothing.
//   - ESCAPED BY the quote itself means doubled quotes and no \n and the like.
//   - MariaDB reads characters into columns of text only, in other columns and user variables
//   bytes;
//     MySQL, and older MariaDB, characters everywhere. Where that makes a difference is in doubt.
//   - A lead byte takes the bytes behind it before the server looks whether they fit, even a
//     newline; MySQL and MariaDB, and MariaDB's two loops, differ in what of them is put back.
//     Behind such bytes a separator is in doubt (LOAD_DOUBT).

#include "router/load_rows.h"

enum place { PLACE_SKIPPING, PLACE_START, PLACE_FIELD, PLACE_INSIDE, PLACE_REST };

enum scan {
    SCAN_MORE,
    SCAN_ON,    // one step further in the same state
    SCAN_FIELD, // a field is over
    SCAN_LINE,  // ... and its line
    SCAN_END,   // ... and the file
    SCAN_DOUBT,
};

enum match { MATCH_NO, MATCH_YES, MATCH_MORE };

static void mark(struct load_rows *rows, struct slice separator)
{
    if (separator.len > 0) {
        rows->is_special[separator.ptr[0]] = true;
    }
}

void load_rows_init(struct load_rows *rows, const struct load_rules *rules)
{
    *rows = (struct load_rows){.rules = *rules, .rows_left = 0};
    bool has_lines = rules->line_end.len > 0;
    if (slice_equal(rules->field_end, rules->line_end)) {
        rows->rules.line_end = slice_of(NULL, 0);
    }
    if (has_lines) {
        rows->lines_left = rows->rules.line_end.len > 0 ? rules->skipped_lines : 0;
    } else {
        rows->rows_left = rules->skipped_lines;
    }
    mark(rows, rows->rules.field_end);
    mark(rows, rows->rules.line_end);
    if (rules->enclosed != LOAD_NO_BYTE) {
        rows->is_special[rules->enclosed] = true;
    }
    if (rules->escape != LOAD_NO_BYTE) {
        rows->is_special[rules->escape] = true;
    }
    rows->is_multi_byte = rules->charset->max_bytes > 1;
    for (unsigned byte = 0x80; rows->is_multi_byte && byte < 0x100; byte++) {
        rows->is_special[byte] = true;
    }
    rows->state = rows->lines_left > 0 ? PLACE_SKIPPING : PLACE_START;
    text_init(&rows->window);
    for (int i = 0; i < LOAD_WANTED; i++) {
        text_init(&rows->fields[i].value);
    }
}

void load_rows_done(struct load_rows *rows)
{
    text_done(&rows->window);
    for (int i = 0; i < LOAD_WANTED; i++) {
        text_done(&rows->fields[i].value);
    }
}

void load_rows_add(struct load_rows *rows, struct slice bytes)
{
    size_t used = rows->row_at;
    rows->row = slice_of(NULL, 0);
    if (used > 0) {
        text_drop_front(&rows->window, used);
        rows->row_at = 0;
        rows->content_at -= rows->content_at < used ? rows->content_at : used;
        rows->at -= used;
        rows->doubt_until -= rows->doubt_until < used ? rows->doubt_until : used;
    }
    text_add_slice(&rows->window, bytes);
}

void load_rows_end(struct load_rows *rows)
{
    rows->is_last = true;
}

size_t load_rows_pending(const struct load_rows *rows)
{
    return rows->window.len - rows->row_at;
}

// ---- looking

static size_t bytes_left(const struct load_rows *rows)
{
    return rows->window.len - rows->at;
}

// Does the separator stand `ahead` bytes further?
static enum match match_at(const struct load_rows *rows, size_t ahead, struct slice separator)
{
    size_t left = bytes_left(rows);
    size_t have = left > ahead ? left - ahead : 0;
    size_t len = have < separator.len ? have : separator.len;
    if (separator.len == 0 ||
        (len > 0 && memcmp(rows->window.ptr + rows->at + ahead, separator.ptr, len) != 0)) {
        return MATCH_NO;
    }
    if (len == separator.len) {
        return MATCH_YES;
    }
    return rows->is_last ? MATCH_NO : MATCH_MORE;
}

static void keep(struct load_rows *rows, const uint8_t *bytes, size_t len)
{
    if (rows->filled != NULL) {
        text_add(&rows->filled->value, bytes, len);
    }
}

// ---- characters of several bytes

// A separator, or a part of a character? Here this, there that.
static bool is_doubtful(const struct load_rows *rows, size_t len)
{
    for (size_t i = rows->at; i < rows->at + len; i++) {
        uint8_t byte = rows->window.ptr[i];
        if (byte < 0x80 && rows->is_special[byte] && (i < rows->doubt_until || !rows->is_text)) {
            return true;
        }
    }
    return false;
}

// At a byte from 0x80 on: *len is the character's. SCAN_ON when that is known.
static enum scan scan_character(struct load_rows *rows, size_t *len)
{
    const struct charset *charset = rows->rules.charset;
    const uint8_t *at = rows->window.ptr + rows->at;
    size_t max = charset->max_bytes;
    if (bytes_left(rows) < max && !rows->is_last) {
        return SCAN_MORE;
    }
    *len = charset_is_single(charset, *at) ? 1 : charset->char_length(at, at + bytes_left(rows));
    *len = *len <= max ? *len : 1;
    bool is_wrong = *len == 1 && !charset_is_single(charset, *at);
    size_t until = rows->at + *len - 1 + max;
    if ((is_wrong || rows->at < rows->doubt_until) && until > rows->doubt_until) {
        rows->doubt_until = until;
    }
    return is_doubtful(rows, *len) ? SCAN_DOUBT : SCAN_ON;
}

static bool is_lead(const struct load_rows *rows)
{
    return rows->is_multi_byte && rows->window.ptr[rows->at] >= 0x80;
}

// ---- one field

static uint8_t unescaped(struct load_rows *rows, uint8_t byte)
{
    switch (byte) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case 'b':
        return '\b';
    case '0':
        return '\0';
    case 'Z':
        return 0x1a;
    case 'N':
        rows->has_null_mark = true;
        return byte;
    default:
        return byte;
    }
}

static enum scan step_over(struct load_rows *rows, size_t len)
{
    rows->at += len;
    return SCAN_ON;
}

// SCAN_LINE, SCAN_FIELD, SCAN_MORE or SCAN_ON (neither), `ahead` bytes further.
static enum scan scan_separators(struct load_rows *rows, size_t ahead)
{
    const struct load_rules *rules = &rows->rules;
    enum match line = match_at(rows, ahead, rules->line_end);
    if (line == MATCH_YES) {
        rows->at += ahead + rules->line_end.len;
        return SCAN_LINE;
    }
    enum match field = line == MATCH_NO ? match_at(rows, ahead, rules->field_end) : MATCH_MORE;
    if (field == MATCH_YES) {
        rows->at += ahead + rules->field_end.len;
        return SCAN_FIELD;
    }
    return field == MATCH_MORE ? SCAN_MORE : SCAN_ON;
}

// At the quote of a field that begins with one.
static enum scan scan_quote(struct load_rows *rows)
{
    const uint8_t *at = rows->window.ptr + rows->at;
    if (bytes_left(rows) < 2) {
        rows->at += rows->is_last ? 1 : 0;
        return rows->is_last ? SCAN_END : SCAN_MORE;
    }
    if (at[1] == at[0]) {
        keep(rows, at, 1);
        return step_over(rows, 2);
    }
    enum scan ending = scan_separators(rows, 1);
    if (ending == SCAN_ON) {
        keep(rows, at, 1);
        rows->at++;
    }
    return ending;
}

// SCAN_ON with the same place: it is no escape here, but the quote.
static enum scan scan_escape(struct load_rows *rows)
{
    const uint8_t *at = rows->window.ptr + rows->at;
    if (bytes_left(rows) < 2 && !rows->is_last) {
        return SCAN_MORE;
    }
    if (bytes_left(rows) < 2) {
        keep(rows, at, 1);
        return step_over(rows, 1); // the end of the file is next
    }
    if (rows->rules.escape != rows->rules.enclosed || at[1] == at[0]) {
        uint8_t byte = unescaped(rows, at[1]);
        keep(rows, &byte, 1);
        rows->at += 2;
    }
    return SCAN_ON;
}

// At a byte that may mean something.
static enum scan scan_special(struct load_rows *rows)
{
    const uint8_t *byte = rows->window.ptr + rows->at;
    size_t len = 1, before = rows->at;
    enum scan found = SCAN_ON;
    if (*byte < 0x80 && rows->at < rows->doubt_until) {
        return SCAN_DOUBT;
    }
    if (*byte == rows->rules.escape) {
        found = scan_escape(rows);
        if (found == SCAN_MORE || rows->at > before) {
            return found;
        }
    }
    if (is_lead(rows)) {
        found = scan_character(rows, &len);
    } else if (rows->is_enclosed) {
        if (*byte == rows->rules.enclosed) {
            return scan_quote(rows);
        }
    } else {
        found = scan_separators(rows, 0);
    }
    if (found == SCAN_ON) {
        keep(rows, byte, len);
        rows->at += len;
    }
    return found;
}

static enum scan scan_inside(struct load_rows *rows)
{
    enum scan found = SCAN_ON;
    while (found == SCAN_ON && rows->at < rows->window.len) {
        const uint8_t *begin = rows->window.ptr + rows->at;
        const uint8_t *end = rows->window.ptr + rows->window.len, *at = begin;
        while (at < end && !rows->is_special[*at]) {
            at++;
        }
        keep(rows, begin, (size_t)(at - begin));
        rows->at += (size_t)(at - begin);
        found = at < end ? scan_special(rows) : SCAN_ON;
    }
    if (found != SCAN_ON) {
        return found;
    }
    if (rows->is_last && rows->is_enclosed && rows->filled != NULL) { // the quote was none
        uint8_t quote = (uint8_t)rows->rules.enclosed;
        struct text *value = &rows->filled->value;
        text_add(value, &quote, 1);
        memmove(value->ptr + 1, value->ptr, value->len - 1);
        value->ptr[0] = quote;
        rows->is_enclosed = false;
    }
    return rows->is_last ? SCAN_END : SCAN_MORE;
}

// ---- rows

static void begin_field(struct load_rows *rows)
{
    rows->filled = NULL;
    rows->has_null_mark = false;
    for (int i = 0; i < LOAD_WANTED; i++) {
        if (rows->rules.wanted[i] == (int32_t)rows->field) {
            rows->filled = &rows->fields[i];
            rows->filled->value.len = 0;
        }
    }
    rows->is_text = rows->rules.is_text == NULL || rows->rules.is_text[rows->field];
    rows->is_enclosed = rows->window.ptr[rows->at] == rows->rules.enclosed;
    rows->at += rows->is_enclosed ? 1 : 0;
    rows->state = PLACE_INSIDE;
}

static void end_field(struct load_rows *rows)
{
    if (rows->filled == NULL) {
        return;
    }
    struct slice value = text_slice(&rows->filled->value);
    bool is_word = !rows->is_enclosed && rows->rules.enclosed != LOAD_NO_BYTE &&
                   slice_equal(value, slice_of_string("NULL"));
    rows->filled->is_null = is_word || (value.len == 1 && rows->has_null_mark);
    rows->filled->is_there = true;
}

static void begin_row(struct load_rows *rows)
{
    rows->content_at = rows->at;
    rows->field = 0;
    for (int i = 0; i < LOAD_WANTED; i++) {
        rows->fields[i].is_there = rows->fields[i].is_null = false;
        rows->fields[i].value.len = 0;
    }
    rows->state = PLACE_FIELD;
}

// True: it counts.
static bool end_row(struct load_rows *rows)
{
    bool is_skipped = rows->rows_left > 0;
    rows->row = slice_of(rows->window.ptr + rows->row_at, rows->at - rows->row_at);
    rows->content_offset = rows->content_at - rows->row_at;
    rows->row_at = rows->at;
    rows->state = PLACE_START;
    rows->rows_left -= is_skipped ? 1 : 0;
    rows->row_count += is_skipped ? 0 : 1;
    return !is_skipped;
}

// To the end of the line, with other rules than in a field.
static enum scan scan_rest(struct load_rows *rows)
{
    while (bytes_left(rows) > 0) {
        uint8_t byte = rows->window.ptr[rows->at];
        size_t len = 1;
        if (!rows->is_special[byte]) {
            rows->at++;
            continue;
        }
        if (byte < 0x80 && rows->at < rows->doubt_until) {
            return SCAN_DOUBT;
        }
        if (is_lead(rows)) {
            enum scan found = scan_character(rows, &len);
            if (found != SCAN_ON) {
                return found;
            }
        } else if (byte == rows->rules.escape) {
            if (bytes_left(rows) < 2 && !rows->is_last) {
                return SCAN_MORE;
            }
            len = bytes_left(rows) < 2 ? 1 : 2;
        } else {
            enum match match = match_at(rows, 0, rows->rules.line_end);
            if (match != MATCH_NO) {
                rows->at += match == MATCH_YES ? rows->rules.line_end.len : 0;
                return match == MATCH_YES ? SCAN_LINE : SCAN_MORE;
            }
        }
        rows->at += len;
    }
    return rows->is_last ? SCAN_END : SCAN_MORE;
}

// What is skipped need not be kept.
static enum scan scan_skipped(struct load_rows *rows)
{
    enum scan found = SCAN_LINE;
    while (rows->lines_left > 0 && found == SCAN_LINE) {
        found = scan_rest(rows);
        rows->lines_left -= found == SCAN_LINE ? 1 : 0;
    }
    rows->row_at = rows->at;
    if (rows->lines_left == 0) {
        rows->state = PLACE_START;
    }
    return found;
}

static enum scan scan_start(struct load_rows *rows)
{
    while (rows->rules.line_start.len > 0) {
        enum match match = match_at(rows, 0, rows->rules.line_start);
        rows->row_at = rows->at;
        if (match == MATCH_YES) {
            rows->at += rows->rules.line_start.len;
            break;
        }
        if (match == MATCH_MORE || bytes_left(rows) == 0) {
            return SCAN_MORE;
        }
        rows->at++;
    }
    begin_row(rows);
    return SCAN_ON;
}

static enum scan scan_field(struct load_rows *rows)
{
    if (bytes_left(rows) == 0) {
        return rows->is_last && rows->field > 0 ? SCAN_END : SCAN_MORE;
    }
    begin_field(rows);
    return SCAN_ON;
}

// Behind a field: another one, the rest of the line, or nothing more of the row.
static enum scan pass_field(struct load_rows *rows, enum scan how)
{
    if (how == SCAN_FIELD || how == SCAN_LINE || how == SCAN_END) {
        end_field(rows);
    }
    if (how != SCAN_FIELD) {
        return how;
    }
    rows->field++;
    if (rows->field < rows->rules.field_count) {
        rows->state = PLACE_FIELD;
        return SCAN_ON;
    }
    rows->state = PLACE_REST;
    rows->is_text = false; // MySQL looks at a character's last byte alone
    return rows->rules.line_end.len > 0 ? SCAN_ON : SCAN_LINE;
}

static enum scan scan(struct load_rows *rows)
{
    switch ((enum place)rows->state) {
    case PLACE_SKIPPING: {
        enum scan found = scan_skipped(rows);
        return found == SCAN_LINE ? SCAN_ON : found == SCAN_END ? SCAN_MORE : found;
    }
    case PLACE_START:
        return scan_start(rows);
    case PLACE_FIELD:
        return scan_field(rows);
    case PLACE_INSIDE:
        return pass_field(rows, scan_inside(rows));
    case PLACE_REST:
        return scan_rest(rows);
    }
    return SCAN_MORE;
}

enum load_step load_rows_next(struct load_rows *rows)
{
    for (;;) {
        switch (scan(rows)) {
        case SCAN_ON:
        case SCAN_FIELD:
            break;
        case SCAN_MORE:
            return LOAD_MORE;
        case SCAN_DOUBT:
            return LOAD_DOUBT;
        case SCAN_LINE:
        case SCAN_END:
            if (end_row(rows)) {
                return LOAD_ROW;
            }
            break;
        }
    }
}
