// The comparisons against a real MariaDB: for each type and collation a table of tricky values; the
// server says of each pair which is smaller, and so does compare_fields, from the very bytes that
// the server sends in both protocols. A cluster of one server is started for it;
// WAYBILL_COMPARE_PORT names a server (user app, password app_pw) that runs already.

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/arena.h"
#include "protocol/answer.h"
#include "protocol/auth_native.h"
#include "protocol/bytes.h"
#include "protocol/handshake.h"
#include "protocol/packet.h"
#include "protocol/reply.h"
#include "protocol/row_binary.h"
#include "protocol/statement.h"
#include "session/compare.h"

enum { ROWS_MAX = 200, COLUMNS_MAX = 4, BASE_PORT = 25000, BASE_PORTS = 300, PORTS_EACH = 20 };

#define CLUSTER "tools/cluster %s --dir /tmp/waybill-test-compare-%d >/dev/null"

// ---- a small client

struct client {
    int fd;
    bool is_started; // the cluster is ours
    struct arena arena;
};

static void send_payload(struct client *client, const struct text *payload, uint8_t sequence)
{
    struct text framed;
    text_init(&framed);
    packet_append(&framed, text_slice(payload), &sequence);
    assert_int_equal(write(client->fd, framed.ptr, framed.len), (ssize_t)framed.len);
    text_done(&framed);
}

static void read_whole(int fd, uint8_t *bytes, size_t len)
{
    for (size_t have = 0; have < len;) {
        ssize_t got = read(fd, bytes + have, len - have);
        assert_true(got > 0);
        have += (size_t)got;
    }
}

static struct slice receive(struct client *client)
{
    uint8_t header[4];
    read_whole(client->fd, header, sizeof header);
    size_t len = packet_payload_bytes(header);
    uint8_t *payload = arena_alloc(&client->arena, len + 1);
    read_whole(client->fd, payload, len);
    return slice_of(payload, len);
}

static void log_in(struct client *client, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client->fd, (struct sockaddr *)&address, sizeof address), 0);
    struct greeting greeting = {0};
    struct error error = {0};
    assert_true(greeting_read(receive(client), &greeting, &error));
    uint8_t answer[NATIVE_BYTES];
    size_t answer_len;
    auth_native_answer(slice_of_string("app_pw"), greeting.nonce, answer, &answer_len);
    struct login login = {
        .capabilities = CAP_PROTOCOL_41 | CAP_SECURE_CONNECTION | CAP_PLUGIN_AUTH |
                        CAP_LONG_PASSWORD | CAP_TRANSACTIONS,
        .max_packet = 1 << 24,
        .collation_id = 45,
        .user = slice_of_string("app"),
        .auth = slice_of(answer, answer_len),
        .plugin = slice_of_string("mysql_native_password"),
    };
    struct text payload;
    text_init(&payload);
    login_write(&payload, &login);
    send_payload(client, &payload, 1);
    text_done(&payload);
    assert_int_equal(receive(client).ptr[0], 0);
}

struct table { // an answer with rows
    struct column columns[COLUMNS_MAX];
    uint32_t column_count;
    struct field fields[ROWS_MAX * ROWS_MAX][COLUMNS_MAX];
    uint32_t row_count;
};

// Reads the answer; rows into `table`, which may be NULL when there are none.
static void read_answer(struct client *client, enum answer_kind kind, struct table *table)
{
    struct answer answer;
    answer_start(&answer, kind, 0);
    uint32_t columns = 0, rows = 0;
    while (!answer.is_done) {
        struct slice payload = receive(client);
        enum answer_part part = answer_packet(&answer, payload);
        if (part == PART_ERROR) {
            fail_msg("%.*s", (int)payload.len - 9, (const char *)payload.ptr + 9);
        } else if (part == PART_COLUMN) {
            assert_true(column_read(payload, &table->columns[columns++], 0));
        } else if (part == PART_ROW && kind == ANSWER_QUERY) {
            assert_true(row_text_read(payload, table->fields[rows++], columns));
        } else if (part == PART_ROW) {
            assert_true(row_binary_read(payload, table->columns, columns, table->fields[rows++]));
        }
    }
    if (table != NULL) {
        table->column_count = columns;
        table->row_count = rows;
    }
}

static void query(struct client *client, const char *sql, struct table *table)
{
    struct text payload;
    text_init(&payload);
    write_u8(&payload, COM_QUERY);
    text_add_string(&payload, sql);
    send_payload(client, &payload, 0);
    text_done(&payload);
    read_answer(client, ANSWER_QUERY, table);
}

static void query_binary(struct client *client, const char *sql, struct table *table)
{
    struct text payload;
    text_init(&payload);
    write_u8(&payload, COM_STMT_PREPARE);
    text_add_string(&payload, sql);
    send_payload(client, &payload, 0);
    struct answer answer;
    answer_start(&answer, ANSWER_PREPARE, 0);
    while (!answer.is_done) {
        assert_int_not_equal(answer_packet(&answer, receive(client)), PART_ERROR);
    }
    payload.len = 0;
    write_u8(&payload, COM_STMT_EXECUTE);
    write_u32(&payload, answer.statement_id);
    write_u8(&payload, 0);
    write_u32(&payload, 1);
    send_payload(client, &payload, 0);
    text_done(&payload);
    read_answer(client, ANSWER_EXECUTE, table);
}

// ---- the cases

struct type_case {
    const char *type;
    const char *values;  // what stands between "VALUES" and the end
    const char *results; // character_set_results
    bool is_refused_text;
    bool is_refused_binary;
};

#define INTEGERS "(0),(1),(-1),(9),(10),(-10),(100),(127),(-128),(NULL),(99),(-99)"
#define DECIMALS                                                                                   \
    "(0),(0.1),(-0.1),(0.10),(1),(-1),(9.9),(10),(-10.5),(10.50),(-10.49),(NULL),(0.000000001),"   \
    "(-0.000000001),(99999999999999999999.999999999),(99999999999999999999.999999998),"            \
    "(-99999999999999999999.999999999),(12345678901234567890.5),(12345678901234567890.4)"
#define FLOATS                                                                                     \
    "(0),(-0e0),(1),(-1),(0.1),(0.3),(1e30),(-1e30),(1.5e-7),(1.4e-7),(-1.5e-7),(123456789),"      \
    "(123456790),(1e15),(1.00000012),(1.00000024),(NULL),(3),(20),(1e20),(1.234567),(1.2345671)"
#define STRINGS                                                                                                \
    "(''),(' '),('  '),('a'),('A'),('a '),('A  "                                                               \
    "'),('a\\t'),('a\\0'),('aa'),('ab'),('aB'),('B'),('b '),"                                                  \
    "('ä'),('Ä'),('ae'),('ß'),('ss'),('s'),('S'),('z'),('Z'),('Å'),('å'),('ö'),('Ø'),('ø'),('é'),"    \
    "('E'),('e'),('É'),('0'),('9'),('10'),('_'),('~'),('@'),('['),('`'),('{'),(NULL),('\\n'),('"              \
    "a\\na'),"                                                                                                 \
    "('\\t'),('ÿ'),('Ÿ'),('æ'),('Æ'),('þ'),('Þ'),('ð'),('Ð'),('ü'),('y'),('Y'),('Ü'),('ñ'),('×')," \
    "('÷'),"                                                                                                  \
    "('€'),('Š'),('š'),('Œ'),('œ'),('ž'),('Ž'),('µ'),('a\\tb'),('a b'),('a\\0 '),('a  "               \
    "\\0'),('¿'),(' a')"
#define UNICODE                                                                                                  \
    "('ı'),('İ'),('ǆ'),('Ǆ'),('ǅ'),('Σ'),('σ'),('ς'),('Я'),('я'),('ё'),('Ё'),('е'),('ﬀ'),('ff')," \
    "('中'),('日'),('ａ'),('Ａ'),('Ω'),('Ω'),('K'),('Å'),('ẞ'),('ͅ'),('ι'),('ὰ'),('Ὰ'),('ⓐ'),('Ⓐ')"
#define EMOJI "('😀'),('😁'),('😀a'),('😀b'),('𐐀'),('𐐨'),('\xef\xbf\xbd'),('\xef\xbf\xbf')"

// clang-format off
static const struct type_case cases[] = {
    {"TINYINT",                 INTEGERS, "utf8mb4", false, false},
    {"SMALLINT",                INTEGERS ",(32767),(-32768)", "utf8mb4", false, false},
    {"MEDIUMINT",               INTEGERS ",(8388607),(-8388608)", "utf8mb4", false, false},
    {"INT",                     INTEGERS ",(2147483647),(-2147483648)", "utf8mb4", false, false},
    {"BIGINT",                  INTEGERS ",(9223372036854775807),(-9223372036854775808)", "utf8mb4", false, false},
    {"BIGINT UNSIGNED",         "(0),(18446744073709551615),(9223372036854775808),(9223372036854775807),(7),(NULL)", "utf8mb4", false, false},
    {"INT(8) ZEROFILL",         "(0),(7),(4294967295),(100),(NULL)", "utf8mb4", false, false},
    {"TINYINT UNSIGNED",        "(0),(7),(255),(128),(127),(NULL)", "utf8mb4", false, false},
    {"DECIMAL(38,9)",           DECIMALS, "utf8mb4", false, false},
    {"DECIMAL(38,9) ZEROFILL",  "(0),(1.5),(1.500000001),(10),(NULL)", "utf8mb4", false, false},
    {"DECIMAL(65,0)",           "(0),(99999999999999999999999999999999999999999999999999999999999999999),(1),(-5),(NULL)", "utf8mb4", false, false},
    {"DOUBLE",                  FLOATS ",(1e300),(-1e300),(1e-300),(0.30000000000000004)", "utf8mb4", false, false},
    {"DOUBLE(12,2)",            "(0),(1.25),(-1.25),(1.255),(1234567890.12),(NULL),(-0.001)", "utf8mb4", false, false},
    {"FLOAT",                   FLOATS, "utf8mb4", true, false},
    {"FLOAT(10,3)",             "(0),(1.25),(-1.25),(1.2555),(1234567.125),(NULL),(1.251)", "utf8mb4", false, false},
    {"DATE",                    "('2024-02-29'),('0000-00-00'),('1000-01-01'),('9999-12-31'),('2024-03-01'),('2024-00-00'),(NULL)", "utf8mb4", false, false},
    {"DATETIME",                "('2024-02-29 00:00:00'),('2024-02-29 23:59:59'),('2024-02-28 23:59:59'),('0000-00-00'),(NULL)", "utf8mb4", false, false},
    {"DATETIME(6)",             "('2024-02-29 00:00:00.000001'),('2024-02-29 00:00:00.1'),('2024-02-29'),('2024-02-29 00:00:00.099999'),('9999-12-31 23:59:59.999999'),(NULL)", "utf8mb4", false, false},
    {"TIMESTAMP(3) NULL",       "('2024-02-29 00:00:00.001'),('2024-02-29 00:00:00.1'),('1999-12-31 23:59:59'),('2037-01-01'),(NULL)", "utf8mb4", false, false},
    {"TIME",                    "('00:00:00'),('-00:00:01'),('838:59:59'),('-838:59:59'),('99:00:00'),('100:00:00'),('24:00:00'),('23:59:59'),('-24:00:00'),(NULL)", "utf8mb4", false, false},
    {"TIME(6)",                 "('00:00:00'),('-00:00:00.000001'),('00:00:00.5'),('00:00:00.49'),('-00:00:00.5'),('-47:00:00.25'),('-48:00:00'),(NULL)", "utf8mb4", false, false},
    {"YEAR",                    "(1901),(2155),(0),(1999),(2000),(NULL)", "utf8mb4", false, false},
    {"BIT(33)",                 "(b'0'),(b'1'),(b'10'),(b'111111111'),(b'100000000'),(b'111111111111111111111111111111111'),(NULL)", "utf8mb4", false, false},
    {"VARBINARY(40)",           STRINGS, "utf8mb4", false, false},
    {"BLOB",                    STRINGS, "utf8mb4", false, false},
    {"VARCHAR(40) COLLATE utf8mb4_bin",              STRINGS "," UNICODE "," EMOJI, "utf8mb4", false, false},
    {"VARCHAR(40) COLLATE utf8mb4_nopad_bin",        STRINGS "," UNICODE "," EMOJI, "utf8mb4", false, false},
    {"VARCHAR(40) COLLATE utf8mb4_general_ci",       STRINGS "," UNICODE "," EMOJI, "utf8mb4", false, false},
    {"TEXT COLLATE utf8mb4_general_ci",              STRINGS "," UNICODE "," EMOJI, "utf8mb4", false, false},
    {"CHAR(40) COLLATE utf8mb4_general_ci",          STRINGS "," UNICODE "," EMOJI, "utf8mb4", false, false},
    {"VARCHAR(40) COLLATE utf8mb4_general_nopad_ci", STRINGS "," UNICODE "," EMOJI, "utf8mb4", false, false},
    {"VARCHAR(40) COLLATE utf8mb3_general_ci",       STRINGS "," UNICODE, "utf8mb4", false, false},
    {"VARCHAR(40) COLLATE utf8mb3_general_ci",       STRINGS "," UNICODE, "utf8mb3", false, false},
    {"VARCHAR(40) COLLATE utf8mb3_bin",              STRINGS "," UNICODE, "utf8mb3", false, false},
    {"VARCHAR(40) COLLATE utf8mb4_general_ci",       STRINGS, "utf8mb3", true, true},
    {"VARCHAR(40) COLLATE utf8mb4_general_ci",       STRINGS, "latin1", true, true},
    {"VARCHAR(40) COLLATE latin1_swedish_ci",        STRINGS, "utf8mb4", false, false},
    {"VARCHAR(40) COLLATE latin1_swedish_ci",        STRINGS, "latin1", false, false},
    {"VARCHAR(40) COLLATE latin1_swedish_nopad_ci",  STRINGS, "utf8mb4", false, false},
    {"VARCHAR(40) COLLATE latin1_bin",               STRINGS, "utf8mb4", false, false},
    {"VARCHAR(40) COLLATE latin1_nopad_bin",         STRINGS, "latin1", false, false},
    {"VARCHAR(40) COLLATE ascii_general_ci",         "('a'),('A'),(' '),('a '),('b'),('_'),('['),('a\\t'),(NULL)", "utf8mb4", false, false},
    {"VARCHAR(40) COLLATE ascii_bin",                "('a'),('A'),(' '),('a '),('b'),('_'),('['),('a\\t'),(NULL)", "latin1", false, false},
    {"VARCHAR(40) COLLATE utf8mb4_unicode_ci",       "('a')", "utf8mb4", true, true},
    {"VARCHAR(40) COLLATE utf8mb4_uca1400_ai_ci",    "('a')", "utf8mb4", true, true},
    {"ENUM('b','a')",                                "('a')", "utf8mb4", true, true},
    {"SET('b','a')",                                 "('a')", "utf8mb4", true, true},
    {"POINT",                                        "(POINT(1,1))", "utf8mb4", true, true},
};
// clang-format on

static int sign_of(int64_t value)
{
    return (value > 0) - (value < 0);
}

// Each pair as the server compares it: rows (a.id, b.id, order), ids from 1.
static void check_pairs(const struct table *values, const struct table *pairs,
                        const struct comparison *comparison, const struct type_case *type)
{
    for (uint32_t i = 0; i < pairs->row_count; i++) {
        int64_t numbers[3];
        for (int k = 0; k < 3; k++) {
            assert_true(slice_to_int64(pairs->fields[i][k].bytes, &numbers[k]));
        }
        const struct field *a = &values->fields[numbers[0] - 1][1];
        const struct field *b = &values->fields[numbers[1] - 1][1];
        int order = compare_fields(comparison, a, b);
        if (sign_of(order) != sign_of(numbers[2])) {
            fail_msg("%s, sent as %s: rows %d '%.*s' and %d '%.*s': %d, the server says %d",
                     type->type, type->results, (int)numbers[0], (int)a->bytes.len,
                     (const char *)a->bytes.ptr, (int)numbers[1], (int)b->bytes.len,
                     (const char *)b->bytes.ptr, order, (int)numbers[2]);
        }
    }
}

static void check_protocol(const struct table *values, const struct table *pairs, bool is_binary,
                           const struct type_case *type)
{
    struct comparison_wish wish = {
        .column = &values->columns[1],
        .is_binary = is_binary,
        .collation = values->fields[0][2].bytes,
    };
    struct comparison comparison;
    struct error error = {0};
    bool is_refused = is_binary ? type->is_refused_binary : type->is_refused_text;
    if (comparison_choose(&comparison, &wish, &error) == is_refused) {
        fail_msg("%s, sent as %s: %s", type->type, type->results, error.text);
    }
    if (!is_refused) {
        check_pairs(values, pairs, &comparison, type);
    } else {
        assert_int_equal(error.code, 9001);
    }
}

static void compares_as_the_server(void **state)
{
    struct client *client = *state;
    struct table *values = calloc(1, sizeof *values), *pairs = calloc(1, sizeof *pairs);
    struct text sql;
    text_init(&sql);
    query(client, "SET sql_mode = ''", NULL);
    query(client, "CREATE DATABASE IF NOT EXISTS test_compare", NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct type_case *type = &cases[i];
        query(client, "SET NAMES utf8mb4", NULL);
        query(client, "DROP TABLE IF EXISTS test_compare.v", NULL);
        sql.len = 0;
        text_add_format(&sql,
                        "CREATE TABLE test_compare.v (id INT PRIMARY KEY AUTO_INCREMENT, c %s)%c",
                        type->type, 0);
        query(client, (char *)sql.ptr, NULL);
        sql.len = 0;
        text_add_format(&sql, "INSERT INTO test_compare.v (c) VALUES %s%c", type->values, 0);
        query(client, (char *)sql.ptr, NULL);
        sql.len = 0;
        text_add_format(&sql, "SET character_set_results = %s%c", type->results, 0);
        query(client, (char *)sql.ptr, NULL);
        query(client,
              "SELECT a.id, b.id, IF(a.c IS NULL OR b.c IS NULL, (b.c IS NULL) - (a.c IS NULL), "
              "(a.c > b.c) - (a.c < b.c)) FROM test_compare.v a JOIN test_compare.v b",
              pairs);
        const char *select = "SELECT id, c, COLLATION(c) FROM test_compare.v ORDER BY id";
        query(client, select, values);
        check_protocol(values, pairs, false, type);
        query_binary(client, select, values);
        check_protocol(values, pairs, true, type);
        arena_clear(&client->arena);
    }
    query(client, "DROP DATABASE test_compare", NULL);
    text_done(&sql);
    free(values);
    free(pairs);
}

static int start(void **state)
{
    struct client *client = calloc(1, sizeof *client);
    arena_init(&client->arena, NULL);
    const char *named = getenv("WAYBILL_COMPARE_PORT");
    int port = named != NULL ? atoi(named) : 0;
    if (port == 0) {
        // A place of its own, for tests that run at the same time.
        int base = BASE_PORT + getpid() % BASE_PORTS * PORTS_EACH;
        char order[80], command[200];
        snprintf(order, sizeof order, "up --shards 1 --replicas 0 --base-port %d", base);
        snprintf(command, sizeof command, CLUSTER, order, getpid());
        client->is_started = true;
        *state = client;
        if (system(command) != 0) {
            return -1;
        }
        port = base + 11;
    }
    log_in(client, (uint16_t)port);
    *state = client;
    return 0;
}

static int stop(void **state)
{
    struct client *client = *state;
    char command[200];
    snprintf(command, sizeof command, CLUSTER, "down", getpid());
    int result = client->is_started ? system(command) : 0;
    arena_clear(&client->arena);
    close(client->fd);
    free(client);
    return result;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares_as_the_server),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
