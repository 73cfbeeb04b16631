#include "session/local_answer.h"

#include <inttypes.h>
#include <stdio.h>

#include "protocol/column.h"
#include "protocol/row_text.h"
#include "session/cursor_aside.h"

static struct column column_of(const struct session *session, const struct local_number *number)
{
    struct column column = column_int64("");
    column.length = 21;
    column.name = number->name;
    switch (number->kind) {
    case NUMBER_FUNCTION:
        column.flags |= COLUMN_NOT_NULL;
        break;
    case NUMBER_VARIABLE:
        column.flags |= COLUMN_UNSIGNED;
        break;
    case NUMBER_ID:
        column.flags |= COLUMN_NOT_NULL | COLUMN_UNSIGNED;
        column.length = 10;
        if (session->sessions->snapshot->is_mariadb) {
            column.type = TYPE_LONG;
        }
        break;
    }
    return column;
}

static void write_column(struct session *session, const struct column *column)
{
    struct text payload;
    text_init(&payload);
    column_write(&payload, column, session->capabilities);
    session_write_payload(session, text_slice(&payload));
    text_done(&payload);
}

static void write_columns(struct session *session, const struct local_number *numbers,
                          uint8_t count)
{
    session_write_payload(session, slice_of(&count, 1));
    for (uint8_t i = 0; i < count; i++) {
        struct column column = column_of(session, &numbers[i]);
        write_column(session, &column);
    }
    if ((session->capabilities & CAP_DEPRECATE_EOF) == 0) {
        session_write_rows_end(session, 0, 0);
    }
}

static void add_text(struct text *row, const struct local_number *number)
{
    char digits[32];
    int len = number->kind == NUMBER_FUNCTION
                  ? snprintf(digits, sizeof digits, "%" PRId64, (int64_t)number->value)
                  : snprintf(digits, sizeof digits, "%" PRIu64, number->value);
    row_text_add(row, slice_of(digits, (size_t)len));
}

static void write_row(struct session *session, const struct local_number *numbers, uint8_t count)
{
    bool is_binary = session->request->execute != NULL;
    struct text row;
    text_init(&row);
    for (int i = 0; is_binary && i < 1 + (count + 9) / 8; i++) {
        write_u8(&row, 0); // the row's mark and a bitmap without NULL
    }
    for (uint8_t i = 0; i < count; i++) {
        if (!is_binary) {
            add_text(&row, &numbers[i]);
        } else if (column_of(session, &numbers[i]).type == TYPE_LONG) {
            write_u32(&row, (uint32_t)numbers[i].value);
        } else {
            write_u64(&row, numbers[i].value);
        }
    }
    session_write_payload(session, text_slice(&row));
    text_done(&row);
}

static void note_row(struct session *session)
{
    struct aftermath *aftermath = &session->aftermath;
    aftermath->row_count = -1; // this was a result set, of one row
    aftermath->found_rows = session->request->aside != NULL ? 0 : 1; // so do servers
    aftermath->has_found_rows = aftermath->is_found_lost = false;
    aftermath->is_found_old = true;
    aftermath->is_behind = true;
}

void local_answer_text(struct session *session, struct slice name, struct slice text)
{
    const uint8_t count = 1;
    struct column column = column_string("");
    struct text row;
    column.name = name;
    session_write_payload(session, slice_of(&count, 1));
    write_column(session, &column);
    if ((session->capabilities & CAP_DEPRECATE_EOF) == 0) {
        session_write_rows_end(session, 0, 0);
    }
    text_init(&row);
    if (text.ptr == NULL) {
        row_text_add_null(&row);
    } else {
        row_text_add(&row, text);
    }
    session_write_payload(session, text_slice(&row));
    text_done(&row);
    session_write_rows_end(session, 0, 0);
    note_row(session);
}

void local_answer_numbers(struct session *session, const struct local_number *numbers,
                          uint8_t count)
{
    cursor_put_aside(session, session->request);
    write_columns(session, numbers, count);
    write_row(session, numbers, count);
    session_write_rows_end(session, 0, 0);
    note_row(session);
    request_finish(session);
}
