// SET, USE and what binds a session to its server.

#include "tests/unit/session/session_fixture.h"

#include "session/own_set.h"
#include "session/set_autocommit.h"
#include "session/variables.h"

static struct statement *parse(struct arena *arena, const char *sql)
{
    struct parse_options options = {.is_mariadb = true, .server_version = 101119};
    struct statement *statement = NULL;
    enum parse_result result = parse_statement(arena, slice_of_string(sql), &options, &statement);
    assert_int_equal(result, PARSE_OK);
    assert_int_equal(statement->kind, STATEMENT_SET);
    return statement;
}

static void test_classes(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        enum set_class class;
    } cases[] = {
        {"SET NAMES utf8mb4", SET_CARRIED},
        {"SET sql_mode = 'ANSI', @x = 5", SET_CARRIED},
        {"SET autocommit = 0", SET_CARRIED},
        {"SET @@session.time_zone = DEFAULT", SET_CARRIED},
        {"SET sql_mode = CONCAT(@@sql_mode, ',ANSI')", SET_EVALUATED},
        {"SET @x = @y + 1", SET_PINNED},
        {"SET sql_mode = CONCAT(@@sql_mode, ''), @x = 1 + 1", SET_PINNED},
        {"SET insert_id = 5", SET_PINNED},
        {"SET GLOBAL max_connections = 5", SET_REFUSED},
        {"SET CHARACTER SET latin1", SET_EVALUATED},
        {"SET TRANSACTION READ ONLY", SET_ONCE},
        {"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", SET_CARRIED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena arena;
        arena_init(&arena, NULL);
        const char *why = NULL;
        enum set_class class = variables_classify(parse(&arena, cases[i].sql)->set, &why);
        if (class != cases[i].class) {
            fail_msg("%s: class %d", cases[i].sql, (int)class);
        }
        assert_int_equal(class == SET_REFUSED, why != NULL);
        arena_clear(&arena);
    }
}

static void expect_noted(const char *sql, const char *name, const char *value)
{
    struct arena arena;
    struct session_state state;
    arena_init(&arena, NULL);
    state_init(&state);
    struct statement *statement = parse(&arena, sql);
    variables_note(&state, statement->set, statement->text, false);
    struct slice got = state_find_variable(&state, slice_of_string(name));
    if (!slice_equal(got, slice_of_string(value))) {
        fail_msg("%s: %s is %.*s", sql, name, (int)got.len, (const char *)got.ptr);
    }
    state_done(&state);
    arena_clear(&arena);
}

static void test_noted(void **state)
{
    (void)state;
    expect_noted("SET NAMES 'UTF8MB4'", "names", "utf8mb4");
    expect_noted("SET NAMES latin1", "names", "'latin1'");
    expect_noted("SET NAMES utf8mb4 COLLATE utf8mb4_bin", "names",
                 "'utf8mb4' COLLATE 'utf8mb4_bin'");
    expect_noted("SET NAMES DEFAULT", "names", "DEFAULT");
    expect_noted("SET @x = 'it''s'", "@`x`", "'it''s'");
    expect_noted("SET NAMES latin1, @x = \"n\\n\"", "@`x`", "_latin1 x'6e0a'");
    expect_noted("SET NAMES utf8mb4 COLLATE utf8mb4_bin, @x = 'it''s'", "@`x`",
                 "_utf8mb4 x'69742773' COLLATE utf8mb4_bin");
    expect_noted("SET sql_mode = \"\"", "sql_mode", "''");
    expect_noted("SET sql_mode = 'a\\\\b'", "sql_mode", "_utf8mb4 x'615c62'");
    expect_noted("SET SQL_MODE = 'ANSI'", "sql_mode", "'ANSI'");
    expect_noted("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", "tx_isolation",
                 "'READ-COMMITTED'");
    expect_noted("SET SESSION TRANSACTION READ ONLY", "tx_read_only", "1");
}

static void test_autocommit(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        int value;
    } cases[] = {
        {"SET autocommit = 0", 0},     {"SET autocommit = OFF", 0},
        {"SET autocommit = 1", 1},     {"SET autocommit = 'ON'", 1},
        {"SET @autocommit = 0", -1},   {"SET sql_mode = ''", -1},
        {"SET autocommit = TRUE", 1},  {"SET autocommit = DEFAULT", 1},
        {"SET autocommit = FALSE", 0}, {"SET autocommit = @x", -1},
        {"SET autocommit = 2", -1},    {"SET autocommit = 1, autocommit = 0", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena arena;
        arena_init(&arena, NULL);
        if (set_autocommit_value(parse(&arena, cases[i].sql)->set) != cases[i].value) {
            fail_msg("%s", cases[i].sql);
        }
        arena_clear(&arena);
    }
}

static void test_set_is_carried(void **state)
{
    (void)state;
    fixture_query("%s", "SET @x = 5, time_zone = '+03:00'");
    fixture_ok_out(fixture_running(1));
    (void)fixture_client_ok();
    fixture_query("SELECT @x FROM t WHERE k = %llu", (unsigned long long)fixture.k2);
    struct backend *other = fixture_running(3);
    assert_true(state_equal(&other->state, &fixture_session()->carried));
    assert_true(slice_is_nocase(state_find_variable(&other->state, slice_of_string("@`x`")), "5"));
    fixture_ok_out(other);
    (void)fixture_client_ok();
}

static void test_refused_set_is_not_carried(void **state)
{
    (void)state;
    uint64_t before = fixture_session()->carried.hash;
    fixture_query("%s", "SET nosuch = 5");
    fixture_error(fixture_running(1), 1193, "Unknown system variable 'nosuch'");
    fixture_client_error(1193);
    assert_int_equal(fixture_session()->carried.hash, before);
    fixture_query("%s", "SET GLOBAL max_connections = 5");
    fixture_client_error(ER_ACCESS_SPECIFIC);
}

static void test_use(void **state)
{
    (void)state;
    fixture_query("%s", "USE nosuch");
    assert_true(fixture_running(1)->is_stateless);
    fixture_error(fixture_running(1), 1049, "Unknown database 'nosuch'");
    fixture_client_error(1049);
    assert_true(slice_is_nocase(text_slice(&fixture_session()->carried.database), "shop"));
    fixture_command(COM_INIT_DB, slice_of_string("other"));
    fixture_ok_out(fixture_running(1));
    (void)fixture_client_ok();
    assert_true(slice_is_nocase(text_slice(&fixture_session()->carried.database), "other"));
    assert_true(slice_is_nocase(text_slice(&fixture.backends[0].state.database), "other"));
}

// SHOW SESSIONS says why, for each kind of pin.
static void test_why_pinned(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *why;
    } cases[] = {
        {"CREATE TEMPORARY TABLE home (a INT)", "it has temporary tables"},
        {"LOCK TABLES home READ", "it has locked tables"},
        {"SELECT GET_LOCK('a', 1)", "it has used GET_LOCK or BACKUP"},
        {"SELECT @a := 5", "a statement has set a user variable"},
        {"SELECT 5 INTO @a", "a statement has set a user variable"},
        {"HANDLER home OPEN", "it has used HANDLER"},
        {"CALL p() /* waybill: shard=s1 */",
         "it has called a procedure, which may have set variables"},
        {"frobnicate home /* waybill: shard=s1 */",
         "it has run a statement that waybill can't read, which may have set anything"},
        {"SET @a = (SELECT a FROM home)", "it has set a variable from a query"},
        {"SET @a = @b + 1", "it has set a variable to a value that only its server knows"},
        {"SET insert_id = 5", "it has set a variable to a value that only its server knows"},
    };
    struct session_figures figures;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture_query("%s", cases[i].sql);
        fixture_ok_out(fixture_running(0));
        (void)fixture_client_ok();
        assert_int_equal(sessions_figures(fixture.sessions, &figures, 1), 1);
        if (strcmp(figures.pinned, cases[i].why) != 0) {
            fail_msg("%s: '%s'", cases[i].sql, figures.pinned);
        }
        fixture_command(COM_RESET_CONNECTION, slice_of(NULL, 0));
        (void)fixture_client_ok();
        assert_int_equal(sessions_figures(fixture.sessions, &figures, 1), 1);
        assert_string_equal(figures.pinned, "");
    }
}

static void test_pin(void **state)
{
    (void)state;
    fixture_query("%s", "CREATE TEMPORARY TABLE home (a INT)");
    struct backend *backend = fixture_running(0);
    fixture_ok_out(backend);
    (void)fixture_client_ok();
    assert_true(backend->is_lent && backend->is_dirty);
    fixture_query("UPDATE t SET v = 1 WHERE k = %llu", (unsigned long long)fixture.k2);
    fixture_client_error(ER_PINNED);
    fixture_query("UPDATE t SET v = 1 WHERE k = %llu", (unsigned long long)fixture.k1);
    assert_true(backend->is_running);
    fixture_ok_out(backend);
    (void)fixture_client_ok();
    fixture_command(COM_RESET_CONNECTION, slice_of(NULL, 0));
    (void)fixture_client_ok();
    assert_false(backend->is_lent);
    fixture_query("UPDATE t SET v = 1 WHERE k = %llu", (unsigned long long)fixture.k2);
    fixture_ok_out(fixture_running(2));
    (void)fixture_client_ok();
}

static void test_unlock_unpins(void **state)
{
    (void)state;
    fixture_query("%s", "LOCK TABLES home WRITE");
    struct backend *backend = fixture_running(0);
    fixture_ok_out(backend);
    (void)fixture_client_ok();
    assert_true(backend->is_lent);
    fixture_query("%s", "UNLOCK TABLES");
    fixture_ok_out(backend);
    (void)fixture_client_ok();
    assert_false(backend->is_lent);
    assert_null(fixture_session()->pin_reason);
    fixture_query("%s", "CREATE TEMPORARY TABLE home (a INT)");
    fixture_ok_out(fixture_running(0));
    (void)fixture_client_ok();
    fixture_query("%s", "LOCK TABLES home WRITE");
    fixture_ok_out(fixture_running(0));
    (void)fixture_client_ok();
    fixture_query("%s", "UNLOCK TABLES");
    fixture_ok_out(fixture_running(0));
    (void)fixture_client_ok();
    assert_non_null(fixture_session()->pin); // the temporary table is still there
}

static void test_lost_pin_ends_the_connection(void **state)
{
    (void)state;
    fixture_query("%s", "SET @x = 1 + 1");
    fixture_ok_out(fixture_running(0));
    (void)fixture_client_ok();
    fixture_lose(&fixture.backends[0], false);
    assert_true(fixture_is_client_closed());
}

static void test_evaluated(void **state)
{
    (void)state;
    static const uint8_t answer[] = {
        1,   0,   0,   1,   1,   23,  0,   0,   2, 3, 'd', 'e', 'f',  0, 0, 0, 1,  'm', 0,   12,
        45,  0,   1,   0,   0,   0,   253, 0,   0, 0, 0,   0,   12,   0, 0, 3, 11, 'A', 'N', 'S',
        'I', '_', 'Q', 'U', 'O', 'T', 'E', 'S', 7, 0, 0,   4,   0xfe, 0, 0, 2, 0,  0,   0};
    fixture_query("%s", "SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')");
    fixture_expect(fixture_running(1), "SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES');",
                   "SELECT @@session.sql_mode");
    fixture_feed(fixture_running(1), answer, sizeof answer);
    (void)fixture_client_ok();
    struct session *session = fixture_session();
    assert_true(slice_is_nocase(state_find_variable(&session->carried, slice_of_string("sql_mode")),
                                "'ANSI_QUOTES'"));
    assert_int_equal(session_sql_mode(session), SQL_ANSI_QUOTES);
    assert_null(session->pin);
}

static void test_prepared_here(void **state)
{
    (void)state;
    fixture_command(COM_STMT_PREPARE, slice_of_string("BEGIN"));
    struct prepared prepared;
    assert_true(prepared_read(fixture_packet(), &prepared));
    uint8_t execute[] = {(uint8_t)prepared.statement_id, 0, 0, 0, 0, 1, 0, 0, 0};
    fixture_command(COM_STMT_EXECUTE, slice_of(execute, sizeof execute));
    assert_int_equal(fixture_client_ok().status & STATUS_IN_TRANS, STATUS_IN_TRANS);
    execute[0] = 99;
    fixture_command(COM_STMT_EXECUTE, slice_of(execute, sizeof execute));
    fixture_client_error(ER_UNKNOWN_STMT);
}

static void test_prepared_there(void **state)
{
    (void)state;
    static const uint8_t answer[] = {12, 0,  0, 1, 0, 77, 0,   0,   0,   0, 0, 1, 0, 0,   0,
                                     0,  23, 0, 0, 2, 3,  'd', 'e', 'f', 0, 0, 0, 1, '?', 0,
                                     12, 63, 0, 0, 0, 0,  0,   253, 0,   0, 0, 0, 0};
    fixture_command(COM_STMT_PREPARE, slice_of_string("UPDATE t SET v = 1 WHERE k = ?"));
    struct backend *backend = &fixture.backends[0];
    for (size_t i = 0; i < sizeof answer; i++) {
        fixture_feed(backend, answer + i, 1);
    }
    struct prepared prepared;
    assert_true(prepared_read(fixture_packet(), &prepared));
    assert_int_equal(prepared.statement_id, 1); // the session's own id
    assert_int_equal(prepared.param_count, 1);
    (void)fixture_packet();
    uint8_t execute[] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    memcpy(execute + 13, &fixture.k2, 8);
    fixture_command(COM_STMT_EXECUTE, slice_of(execute, sizeof execute));
    struct backend *other = fixture_running(2); // by the value
    fixture_expect(other, "", "XECUTE UPDATE t SET v = 1 WHERE k = ?");
    fixture_ok_out(other);
    (void)fixture_client_ok();
}

static void expect_no_oracle(const char *sql)
{
    fixture_query("%s", sql);
    fixture_client_error(ER_NOT_SUPPORTED_YET);
    for (uint16_t i = 0; i < fixture.backend_count; i++) {
        assert_false(fixture.backends[i].is_running);
    }
}

static void test_oracle_mode(void **state)
{
    (void)state;
    expect_no_oracle("SET sql_mode = ORACLE");
    expect_no_oracle("SET @@session.sql_mode = 'STRICT_TRANS_TABLES,oracle', @x = 1");
    expect_no_oracle("SET sql_mode = 512");
    fixture_query("%s", "SET sql_mode = CONCAT(@@sql_mode, ',ORACLE'), @x = 5");
    struct backend *backend = fixture_running(1);
    fixture_expect(backend, "SET sql_mode = CONCAT(@@sql_mode, ',ORACLE'), @x = 5;",
                   "SELECT @@session.sql_mode");
    static const uint8_t one_row[] = {
        1,   0,   0, 1, 1, // one column
        23,  0,   0, 2, 3,  'd', 'e',  'f', 0,    0,   0,   1,   '1', 0,
        12,  63,  0, 1, 0,  0,   0,    8,   0x81, 0,   0,   0,   0, // its definition
        12,  0,   0, 3, 11, 'A', 'N',  'S', 'I',  ',', 'O', 'R', 'A', 'C',
        'L', 'E', 7, 0, 0,  4,   0xfe, 0,   0,    2,   0,   0,   0,
    };
    fixture_feed(backend, one_row, sizeof one_row);
    fixture_client_error(ER_NOT_SUPPORTED_YET);
    assert_true(backend->is_closed); // it is dirty
    const struct session_state *carried = &fixture_session()->carried;
    assert_null(state_find_variable(carried, slice_of_string("sql_mode")).ptr);
    assert_null(state_find_variable(carried, slice_of_string("@`x`")).ptr);
    fixture.snapshot->is_mariadb = false; // MySQL's is but a list of modes
    fixture_query("%s", "SET sql_mode = ORACLE");
    fixture_ok_out(fixture_running(1));
    (void)fixture_client_ok();
}

static void set_ok(const char *sql)
{
    fixture_query("%s", sql);
    for (uint16_t i = 0; i < fixture.backend_count; i++) {
        if (fixture.backends[i].is_running) {
            fixture_ok_out(&fixture.backends[i]);
        }
    }
    (void)fixture_client_ok();
}

// A server has read the text at PREPARE, whatever is set later.
static void test_prepared_before_a_set(void **state)
{
    (void)state;
    static const uint8_t execute[] = {1, 0, 0, 0, 0, 1, 0, 0, 0};
    static const uint8_t prepared[] = {12, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    set_ok("SET sql_mode = ''");
    fixture_command(COM_STMT_PREPARE, slice_of_string("UPDATE home SET v = \"a\""));
    fixture_feed(fixture_running(0), prepared, sizeof prepared);
    (void)fixture_packet();
    static const struct {
        const char *set, *back, *read_as;
    } cases[] = {
        {"SET sql_mode = 'ANSI_QUOTES'", "SET sql_mode = ''", "as ('')(utf8mb4) ;"},
        {"SET NAMES latin1", "SET NAMES utf8mb4", "as ('')(utf8mb4) ;"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        set_ok(cases[i].set);
        fixture_command(COM_STMT_EXECUTE, slice_of(execute, sizeof execute));
        fixture_expect(fixture_running(0), cases[i].read_as, "XECUTE UPDATE home SET v = \"a\"");
        fixture_ok_out(fixture_running(0));
        (void)fixture_client_ok();
        set_ok(cases[i].back);
        fixture_command(COM_STMT_EXECUTE, slice_of(execute, sizeof execute));
        fixture_ok_out(fixture_running(0));
        (void)fixture_client_ok();
    }
    set_ok("USE other"); // its table is still that of shop
    fixture_command(COM_STMT_EXECUTE, slice_of(execute, sizeof execute));
    assert_true(slice_is_nocase(text_slice(&fixture_running(0)->state.database), "shop"));
    fixture_ok_out(fixture_running(0));
    (void)fixture_client_ok();
    set_ok("SET sql_mode = 'STRICT_ALL_TABLES'"); // no other grammar
    fixture_command(COM_STMT_EXECUTE, slice_of(execute, sizeof execute));
    fixture_ok_out(fixture_running(0));
    (void)fixture_client_ok();
}

// How writes to several shards are done is the session's own affair, within its user's bounds.
static void test_own_distributed(void **state)
{
    fixture_setup(state);
    fixture_login("both", "pw", NULL); // best_effort
    (void)fixture_client_ok();
    const struct session *session = fixture_session();
    static const char *const chosen[] = {"SET waybill_distributed = atomic",
                                         "SET SESSION waybill_distributed = 'REFUSE'",
                                         "SET @@waybill_distributed = best_effort"};
    static const enum distributed modes[] = {DISTRIBUTED_ATOMIC, DISTRIBUTED_REFUSE,
                                             DISTRIBUTED_BEST_EFFORT};
    for (size_t i = 0; i < 3; i++) {
        fixture_query("%s", chosen[i]);
        (void)fixture_client_ok();
        assert_int_equal(own_set_distributed(session), modes[i]);
    }
    static const struct {
        const char *sql;
        uint16_t code;
    } wrong[] = {
        {"SET waybill_distributed = maybe", 1231},
        {"SET waybill_distributed = 2", 1231},
        {"SET waybill_distributed = NULL", 1231},
        {"SET waybill_distributed = ''", 1231},
        {"SET waybill_distributed = CONCAT('ato', 'mic')", 1235},
        {"SET waybill_distributed = atomic, autocommit = 0", 1235},
        {"SET autocommit = 0, waybill_distributed = atomic", 1235},
        {"SET STATEMENT waybill_distributed = atomic FOR SELECT 1", 1235},
        {"SET GLOBAL waybill_distributed = atomic", 1228},
        {"SELECT @@waybill_distributed, 1", 1235},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        fixture_query("%s", wrong[i].sql);
        fixture_client_error(wrong[i].code);
        assert_int_equal(own_set_distributed(session), DISTRIBUTED_BEST_EFFORT);
    }
    fixture_query("%s", "BEGIN");
    (void)fixture_client_ok();
    fixture_query("%s", "SET waybill_distributed = atomic");
    fixture_client_error(1568);
    fixture_query("%s", "ROLLBACK");
    (void)fixture_client_ok();
    fixture_query("%s", "SET waybill_distributed = refuse");
    (void)fixture_client_ok();
    fixture_query("%s", "SET waybill_distributed = DEFAULT");
    (void)fixture_client_ok();
    assert_int_equal(own_set_distributed(session), DISTRIBUTED_BEST_EFFORT);
    fixture_query("%s", "SET waybill_distributed = refuse");
    (void)fixture_client_ok();
    fixture_command(COM_RESET_CONNECTION, slice_of(NULL, 0));
    (void)fixture_client_ok();
    assert_int_equal(own_set_distributed(session), DISTRIBUTED_BEST_EFFORT);
    assert_int_equal(fixture.backend_count, 0); // no server has heard of it
}

static void test_own_distributed_is_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        uint16_t code;
    } cases[] = {{"SET waybill_distributed = best_effort", 1227},
                 {"SET waybill_distributed = atomic", 1227}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) { // of a user who has refuse
        fixture_query("%s", cases[i].sql);
        fixture_client_error(cases[i].code);
    }
    fixture_query("%s", "SET waybill_distributed = refuse");
    (void)fixture_client_ok();
    // A reload takes back what the session has chosen.
    fixture_session()->has_distributed = true;
    fixture_session()->distributed = DISTRIBUTED_ATOMIC;
    assert_int_equal(own_set_distributed(fixture_session()), DISTRIBUTED_REFUSE);
    assert_int_equal(fixture.backend_count, 0);
}

int main(void)
{
#define IN(test) cmocka_unit_test_setup_teardown(test, fixture_setup_logged_in, fixture_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_noted),
        cmocka_unit_test(test_autocommit),
        IN(test_set_is_carried),
        IN(test_refused_set_is_not_carried),
        IN(test_use),
        IN(test_pin),
        IN(test_unlock_unpins),
        IN(test_lost_pin_ends_the_connection),
        IN(test_evaluated),
        IN(test_prepared_here),
        IN(test_prepared_there),
        IN(test_oracle_mode),
        IN(test_prepared_before_a_set),
        IN(test_why_pinned),
        cmocka_unit_test_teardown(test_own_distributed, fixture_teardown),
        IN(test_own_distributed_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
