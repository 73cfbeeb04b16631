// Rows are kept one behind the other as bytes: level (1), code (2), SQLSTATE (5, zeros: not known),
// message (length-encoded).

#include "session/warning_list.h"

#include "base/memory.h"
#include "protocol/answer.h"
#include "protocol/packet.h"
#include "protocol/row_text.h"

enum { SQLSTATE_BYTES = 5, SHOW_COLUMNS = 3, NUMBER_MAX = 65535 };

static const char *const level_names[] = {"Note", "Warning", "Error"};

const char *warning_level_name(enum warning_level level)
{
    return level_names[level];
}

struct warning_list *warning_list_new(void)
{
    struct warning_list *list = memory_new(sizeof *list);
    list->is_ascii = true;
    text_init(&list->rows);
    return list;
}

void warning_list_free(struct warning_list *list)
{
    if (list != NULL) {
        text_done(&list->rows);
        memory_free(list);
    }
}

static bool is_ascii(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] >= 0x80 || text.ptr[i] == 0) { // a NUL: perhaps UTF-16
            return false;
        }
    }
    return true;
}

bool warning_list_add(struct warning_list *list, const struct warning *warning)
{
    if (list->rows.len + warning->message.len + 2 * sizeof *warning > WARNINGS_BYTES_MAX) {
        return false;
    }
    write_u8(&list->rows, (uint8_t)warning->level);
    write_u16(&list->rows, warning->code);
    text_add(&list->rows, warning->sqlstate, SQLSTATE_BYTES);
    write_lenenc_bytes(&list->rows, warning->message);
    list->is_ascii = list->is_ascii && is_ascii(warning->message);
    list->count++;
    list->total++;
    list->errors += warning->level == LEVEL_ERROR;
    return true;
}

bool warning_list_next(const struct warning_list *list, size_t *at, struct warning *warning)
{
    if (*at >= list->rows.len) {
        return false;
    }
    struct reader reader = reader_of(slice_part(text_slice(&list->rows), *at, list->rows.len));
    *warning = (struct warning){.level = (enum warning_level)read_u8(&reader)};
    warning->code = read_u16(&reader);
    memcpy(warning->sqlstate, read_bytes(&reader, SQLSTATE_BYTES).ptr, SQLSTATE_BYTES);
    warning->message = read_lenenc_bytes(&reader);
    *at = list->rows.len - reader_left(&reader);
    return true;
}

bool warning_list_add_own(struct warning_list *list, const struct error *error)
{
    struct warning warning = {
        .level = LEVEL_WARNING, .code = error->code, .message = slice_of_string(error->text)};
    memcpy(warning.sqlstate, error->sqlstate, sizeof error->sqlstate);
    return warning_list_add(list, &warning);
}

void warning_list_drop_error(struct warning_list *list, uint16_t code)
{
    struct warning warning = {.level = LEVEL_NOTE};
    size_t at = 0, begin = 0;
    while (at < list->rows.len) {
        begin = at;
        (void)!warning_list_next(list, &at, &warning); // there is one
    }
    if (list->count > 0 && warning.level == LEVEL_ERROR && warning.code == code) {
        list->rows.len = begin;
        list->count--;
        list->total--;
        list->errors--;
    }
}

// ---- from a server

static bool read_level(struct slice name, enum warning_level *level)
{
    for (int i = LEVEL_NOTE; i <= LEVEL_ERROR; i++) {
        if (slice_is_nocase(name, level_names[i])) {
            *level = (enum warning_level)i;
            return true;
        }
    }
    return false;
}

static bool read_row(struct warning_list *list, struct slice payload)
{
    struct field fields[SHOW_COLUMNS];
    struct warning warning = {.level = LEVEL_NOTE};
    uint64_t code = 0;
    if (!row_text_read(payload, fields, SHOW_COLUMNS) ||
        !read_level(fields[0].bytes, &warning.level) || !slice_to_uint64(fields[1].bytes, &code) ||
        code > NUMBER_MAX) {
        return false;
    }
    warning.code = (uint16_t)code;
    warning.message = fields[2].bytes;
    return warning_list_add(list, &warning);
}

bool warning_list_read(struct warning_list *list, struct slice packets, uint64_t capabilities)
{
    struct answer answer;
    answer_start(&answer, ANSWER_QUERY, capabilities);
    size_t at = 0;
    while (!answer.is_done && packets.len - at >= PACKET_HEADER_BYTES) {
        size_t end = at + PACKET_HEADER_BYTES + packet_payload_bytes(packets.ptr + at);
        if (end > packets.len) {
            return false;
        }
        struct slice payload = slice_part(packets, at + PACKET_HEADER_BYTES, end);
        enum answer_part part = answer_packet(&answer, payload);
        if (part == PART_BAD || part == PART_ERROR ||
            (part == PART_ROW &&
             (answer.column_count != SHOW_COLUMNS || !read_row(list, payload)))) {
            return false;
        }
        at = end;
    }
    return answer.is_done && !answer.is_bad;
}
