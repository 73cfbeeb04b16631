// LAST_INSERT_ID(): what OK packets tell of it, and what they don't.
//
// The OK of an INSERT has the id that the server made, but also one that the statement itself gave
// for the AUTO_INCREMENT column, and that one does not become LAST_INSERT_ID(). Which column that
// is, waybill does not know. So the id of an OK is taken at once only when no value of the
// statement can have been it; else it is in doubt, and only when a later statement asks for it, the
// server is asked which column it is (flow_insert_id.c). For each column it is noted what the value
// is if that is the one:
//
//     VERDICT_MADE    the id was made: the OK's id
//     VERDICT_GIVEN   it was given: what it was before, which may be in doubt in the same way
//     VERDICT_UNSURE  nobody knows: the question is refused
//
// After CALL and the like the value is asked of the backend, to which the session is bound.
//
// Ids that waybill makes (order ids) are like ids that the server makes; the server doesn't know
// them. After IGNORE and ON DUPLICATE KEY UPDATE they count only when all rows were inserted.

#include "session/insert_id.h"

#include "router/value.h"

enum made { MADE_YES, MADE_NO, MADE_UNSURE };
enum verdict { VERDICT_MADE, VERDICT_GIVEN, VERDICT_OTHER_NUMBER, VERDICT_UNSURE };

void insert_id_done(struct session *session)
{
    text_done(&session->insert_id.table);
    text_done(&session->insert_id.columns);
    session->insert_id = (struct insert_id){.doubt = DOUBT_NONE};
}

void insert_id_set(struct session *session, uint64_t id)
{
    insert_id_done(session);
    session->last_insert_id = id;
}

void insert_id_lose_backend(struct session *session)
{
    if (session->insert_id.doubt == DOUBT_BACKEND) {
        session->insert_id.doubt = DOUBT_LOST;
    }
}

bool insert_id_is_opaque(const struct statement *statement)
{
    return (statement->facts & FACT_ROUTINE) != 0 || statement->kind == STATEMENT_UNKNOWN;
}

bool insert_id_is_set_by(const struct statement *statement)
{
    return (statement->facts & FACT_INSERT_ID_SET) != 0 &&
           (statement->kind == STATEMENT_SELECT || statement->kind == STATEMENT_DO);
}

// VALUES (1 + 1): an id that only a server works out. Other functions are rarely one: NOW() and
// CONCAT() must not cost a question. The first row speaks for all.
static bool is_worked_out(const struct expr *expr)
{
    static const char *const functions[] = {"UUID_SHORT", "NEXTVAL", "LASTVAL",  "COALESCE",
                                            "IFNULL",     "IF",      "GREATEST", "LEAST"};
    if (expr->kind == EXPR_BINARY) {
        return true;
    }
    for (size_t i = 0; expr->kind == EXPR_FUNCTION && i < sizeof functions / sizeof functions[0];
         i++) {
        if (slice_is_nocase(expr->name, functions[i])) {
            return true;
        }
    }
    return false;
}

// VALUES (@i): only a server knows whether that is an id.
static bool has_hidden_values(const struct statement *statement)
{
    const struct value_row *row = statement->insert->rows;
    bool is_hidden = (statement->facts & ((uint32_t)FACT_READS_USER_VARIABLE | FACT_SUBQUERY)) != 0;
    for (uint32_t i = 0; row != NULL && i < row->value_count && !is_hidden; i++) {
        is_hidden = is_worked_out(row->values[i]);
    }
    return is_hidden;
}

// Which of its columns is AUTO_INCREMENT? A temporary table's only its own connection knows.
static bool can_be_asked(const struct session *session, const struct statement *statement)
{
    const struct insert_part *insert = statement->insert;
    bool has_all = insert->select == NULL || insert->columns != NULL;
    for (uint32_t i = 0; i < insert->column_count && insert->columns != NULL; i++) {
        has_all &= slice_is_ascii(insert->columns[i]);
    }
    return has_all && statement->tables != NULL && slice_is_ascii(statement->tables->name) &&
           slice_is_ascii(statement->tables->schema) && statement->inner == NULL &&
           (session->pin_facts & FACT_TEMPORARY_TABLE) == 0;
}

// Neither its OK nor its text and its table tell what it leaves.
static bool is_untold(const struct session *session, const struct statement *statement)
{
    const struct insert_part *insert = statement->insert;
    return statement->load != NULL ||
           (insert != NULL &&
            (insert->select != NULL || insert->on_duplicate != NULL || insert->has_returning ||
             has_hidden_values(statement) || !can_be_asked(session, statement)));
}

bool insert_id_is_asked_after(const struct session *session, const struct statement *statement)
{
    return session->insert_id.doubt == DOUBT_NONE &&
           (is_untold(session, statement) || insert_id_is_set_by(statement));
}

bool insert_id_take(struct session *session, const struct gather *gather)
{
    struct field fields[INSERT_ID_ANSWERS];
    uint64_t id = 0;
    if (!gather_only_row(gather, session->capabilities, fields, INSERT_ID_ANSWERS) ||
        fields[0].is_null || !slice_to_uint64(fields[0].bytes, &id)) {
        return false;
    }
    insert_id_set(session, id);
    return true;
}

// ---- what the statement says of a column

// Could the id be this value? (OTHER_NUMBER: no, and when the column is the one, then none was made
// for it.)
static enum verdict verdict_of_value(struct arena *arena, const struct route_request *route,
                                     const struct expr *expr, uint64_t id)
{
    struct value value = value_of_expr(arena, route, expr);
    uint64_t number = 0;
    if (value_wants_id(&value)) {
        return VERDICT_MADE;
    }
    bool is_negative =
        value.kind == VALUE_INTEGER && value.is_negative && slice_to_uint64(value.bytes, &number);
    number = 0 - number; // as an OK has it
    if (is_negative || value_to_id(arena, &value, &number) == ID_KNOWN) {
        return number == id || id == 0 ? VERDICT_GIVEN : VERDICT_OTHER_NUMBER;
    }
    // Digits, signs, blanks and the point stand before '9': it may be a number.
    bool is_word = value.kind == VALUE_STRING && value.bytes.len > 0 && value.bytes.ptr[0] > '9';
    return is_word ? VERDICT_MADE : VERDICT_UNSURE;
}

// What follows when the column at this place is the one.
static enum verdict verdict_of_column(struct session *session, const struct route_request *route,
                                      uint32_t at, uint64_t id)
{
    const struct insert_part *insert = session->request->statement->insert;
    uint32_t given = 0, made = 0;
    for (const struct value_row *row = insert->rows; row != NULL; row = row->next) {
        enum verdict one = at < row->value_count
                               ? verdict_of_value(&session->arena, route, row->values[at], id)
                               : VERDICT_MADE;
        if (one == VERDICT_UNSURE) {
            return VERDICT_UNSURE;
        }
        given += one == VERDICT_GIVEN;
        made += one == VERDICT_MADE;
    }
    if (insert->select != NULL || (given > 0 && made > 0)) { // (1), (2), (3) are all given
        return VERDICT_UNSURE;
    }
    return given > 0 ? VERDICT_GIVEN : VERDICT_MADE;
}

static void add_hex(struct text *out, struct slice bytes)
{
    text_add_string(out, "_utf8mb4 x'");
    for (size_t i = 0; i < bytes.len; i++) {
        text_add_format(out, "%02x", bytes.ptr[i]);
    }
    text_add_string(out, "'");
}

// A column is a byte (is the value known?), the value, the name (empty when none are listed), a
// NUL.
static void add_column(struct text *out, struct slice name, bool is_known, uint64_t id)
{
    write_u8(out, is_known);
    write_u64(out, id);
    text_add_slice(out, name);
    write_u8(out, 0);
}

bool insert_id_if_column(const struct insert_id *doubt, struct slice name, uint64_t place,
                         uint64_t *id)
{
    struct reader reader = reader_of(text_slice(&doubt->columns));
    for (uint64_t i = 1; reader_left(&reader) > 0; i++) {
        bool is_known = read_u8(&reader) != 0;
        *id = read_u64(&reader);
        struct slice column = read_nul_string(&reader);
        if (doubt->is_listed ? slice_equal_nocase(column, name) : i == place) {
            return is_known;
        }
    }
    *id = doubt->id; // it was left out
    return doubt->id != 0;
}

// Before the INSERT that has just run. `before`: what was in doubt then.
static bool find_old(const struct session *session, const struct insert_id *before,
                     struct slice name, uint64_t place, uint64_t *id)
{
    if (before->doubt == DOUBT_COLUMN) {
        return insert_id_if_column(before, name, place, id);
    }
    *id = session->last_insert_id;
    return before->doubt == DOUBT_NONE;
}

// Notes what the value is by column; false: there is no doubt, whichever column it is.
static bool note_columns(struct session *session, const struct insert_id *before, uint64_t id)
{
    const struct request *request = session->request;
    const struct insert_part *insert = request->statement->insert;
    struct insert_id *doubt = &session->insert_id;
    struct route_request route = {
        .statement = request->statement,
        .params = request->params,
        .last_insert_id = session->last_insert_id,
    };
    bool is_listed = insert->columns != NULL;
    uint32_t count = insert->rows != NULL ? insert->rows->value_count : 0;
    count = is_listed ? insert->column_count : count;
    bool is_doubtful = insert->select != NULL && !is_listed;
    doubt->is_listed = is_listed;
    doubt->columns.len = 0;
    for (uint32_t i = 0; i < count; i++) {
        enum verdict verdict = verdict_of_column(session, &route, i, id);
        struct slice name = is_listed ? insert->columns[i] : slice_of_string("");
        uint64_t value = id;
        bool is_known = verdict == VERDICT_MADE && id != 0;
        if (verdict == VERDICT_GIVEN) {
            is_known = find_old(session, before, name, i + 1, &value);
        }
        add_column(&doubt->columns, name, is_known, value);
        is_doubtful |= !slice_is_ascii(name) || verdict != VERDICT_MADE;
    }
    return is_doubtful;
}

static void add_table(struct text *out, const struct session *session,
                      const struct table_ref *table)
{
    struct slice schema =
        table->schema.len > 0 ? table->schema : text_slice(&session_state_now(session)->database);
    text_add_string(out, "T.TABLE_SCHEMA = ");
    add_hex(out, schema);
    text_add_string(out, " AND T.TABLE_NAME = ");
    add_hex(out, table->name);
}

static void note_table(struct session *session)
{
    session->insert_id.table.len = 0;
    add_table(&session->insert_id.table, session, session->request->statement->tables);
}

bool insert_id_would_blur(const struct session *session, const struct statement *statement)
{
    const struct insert_part *insert = statement->insert;
    const struct insert_id *doubt = &session->insert_id;
    if (doubt->doubt != DOUBT_COLUMN) {
        return false;
    }
    if (statement->kind == STATEMENT_DDL || is_untold(session, statement)) {
        return true; // the table may be another one after DDL
    }
    if (insert == NULL || statement->tables == NULL) {
        return false;
    }
    struct text table;
    text_init(&table);
    add_table(&table, session, statement->tables);
    bool is_same = slice_equal(text_slice(&table), text_slice(&doubt->table));
    text_done(&table);
    return !is_same || (insert->columns != NULL) != doubt->is_listed;
}

// A backend that stays, and began with the session's value, can be asked at any time.
static enum insert_id_doubt doubt_left(const struct session *session, enum insert_id_doubt before)
{
    if (can_be_asked(session, session->request->statement)) {
        return DOUBT_COLUMN;
    }
    bool stays = session->pin != NULL && (session->pin_facts & FACT_TEMPORARY_TABLE) != 0;
    return stays && before == DOUBT_NONE ? DOUBT_BACKEND : DOUBT_LOST;
}

// The OK said `id`; 0: there was no OK, or one without it.
static void begin_doubt(struct session *session, uint64_t id, uint16_t shard)
{
    struct insert_id *doubt = &session->insert_id;
    if (doubt->doubt == DOUBT_BACKEND) {
        return; // the backend knows
    }
    struct insert_id before = *doubt;
    text_init(&doubt->columns);
    text_init(&doubt->table);
    note_table(session);
    if (before.doubt == DOUBT_COLUMN &&
        !slice_equal(text_slice(&before.table), text_slice(&doubt->table))) {
        before.doubt = DOUBT_LOST; // it should have been asked for
    }
    if (!note_columns(session, &before, id) && id != 0) {
        insert_id_set(session, id);
    } else {
        doubt->id = id;
        doubt->shard = shard;
        doubt->is_old_lost |= before.doubt == DOUBT_LOST;
        doubt->doubt = doubt_left(session, before.doubt);
    }
    text_done(&before.columns);
    text_done(&before.table);
}

void insert_id_lose(struct session *session)
{
    if (session->insert_id.doubt != DOUBT_BACKEND) {
        session->insert_id.doubt = DOUBT_LOST;
    }
}

// ---- ids that waybill made

static bool is_one_row(const struct request *request)
{
    return request->bulk == NULL && request->statement->insert->row_count == 1;
}

static enum made made_ids(const struct session *session, const struct answer *answer)
{
    const struct request *request = session->request;
    const struct insert_part *insert = request->statement->insert;
    bool is_one = is_one_row(request);
    bool counts_found = (session->capabilities & CAP_FOUND_ROWS) != 0;
    if (answer->insert_id == request->plan->first_made_id) {
        return MADE_YES;
    }
    if (insert->on_duplicate != NULL) {
        if (!is_one || (counts_found && answer->affected_rows == 1)) {
            return MADE_UNSURE;
        }
        return answer->affected_rows == 1 ? MADE_YES : MADE_NO;
    }
    if (!insert->is_ignore ||
        (request->bulk == NULL && answer->affected_rows == insert->row_count)) {
        return MADE_YES;
    }
    return answer->affected_rows == 0 ? MADE_NO : MADE_UNSURE;
}

// ---- what came of it

static bool is_call_of_it(const struct expr *expr)
{
    return expr->kind == EXPR_FUNCTION && expr->child_count == 1 &&
           slice_is_nocase(expr->name, "LAST_INSERT_ID");
}

// ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id)
static bool sets_by_duplicate(const struct insert_part *insert)
{
    for (const struct assignment *one = insert->on_duplicate; one != NULL; one = one->next) {
        if (is_call_of_it(one->value)) {
            return true;
        }
    }
    return false;
}

static void note_insert(struct session *session, const struct answer *answer, uint16_t shard)
{
    const struct statement *statement = session->request->statement;
    const struct insert_part *insert = statement->insert;
    uint64_t id = answer->insert_id;
    bool is_one = is_one_row(session->request) && insert->select == NULL;
    bool is_found = (session->capabilities & CAP_FOUND_ROWS) != 0;
    if (insert->on_duplicate == NULL) {
        begin_doubt(session, id, shard);
    } else if (!is_one || (is_found && answer->affected_rows == 1 && !sets_by_duplicate(insert))) {
        insert_id_lose(session); // inserted, updated, or both
    } else if (answer->affected_rows == 1) {
        begin_doubt(session, id, shard);
    } else if (sets_by_duplicate(insert)) {
        insert_id_set(session, id);
    } else if ((statement->facts & FACT_INSERT_ID_SET) != 0) {
        insert_id_lose(session);
    } // else updated: the id of the row, and no new value
}

static void note_plain(struct session *session, const struct answer *answer, uint16_t shard)
{
    const struct statement *statement = session->request->statement;
    bool is_insert = statement->insert != NULL;
    if (answer->insert_id != 0 && is_insert) {
        note_insert(session, answer, shard);
    } else if (answer->insert_id != 0) {
        insert_id_set(session, answer->insert_id); // UPDATE ... = LAST_INSERT_ID(x)
    } else if ((statement->facts & FACT_INSERT_ID_SET) != 0 || statement->kind == STATEMENT_LOAD) {
        insert_id_lose(session);
    }
}

// No OK told it: rows came back. (After an error the value is undefined, says the manual: it
// stays.)
static void note_untold(struct session *session, const struct answer *answer, uint16_t shard)
{
    const struct insert_part *insert = session->request->statement->insert;
    if (answer->is_error) {
        return;
    }
    if (insert->on_duplicate == NULL) {
        begin_doubt(session, 0, shard);
    } else {
        insert_id_lose(session);
    }
}

uint64_t insert_id_note(struct session *session, const struct answer *answer, uint16_t shard)
{
    const struct request *request = session->request;
    const struct statement *statement = request->statement;
    bool is_plain = !answer->is_error && !answer->has_rows;
    if (statement == NULL) {
        return answer->insert_id;
    }
    if (insert_id_is_opaque(statement) && session->pin != NULL) {
        session->insert_id.doubt = DOUBT_BACKEND;
    } else if (is_plain && request->plan != NULL && request->plan->has_made_ids) {
        switch (made_ids(session, answer)) {
        case MADE_YES:
            insert_id_set(session, request->plan->first_made_id);
            return session->last_insert_id;
        case MADE_NO:
            note_plain(session, answer, shard);
            break;
        case MADE_UNSURE:
            insert_id_lose(session);
            break;
        }
    } else if (is_plain) {
        note_plain(session, answer, shard);
    } else if (statement->insert != NULL) {
        note_untold(session, answer, shard);
    }
    return answer->insert_id;
}
