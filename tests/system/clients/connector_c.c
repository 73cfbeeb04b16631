// MariaDB Connector/C: text and binary protocol by its own calls, every type of parameter, long
// data, errors, resets.

#include <mysql.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static MYSQL *connect_db(const char *charset)
{
    MYSQL *db = mysql_init(NULL);
    mysql_options(db, MYSQL_SET_CHARSET_NAME, charset);
    unsigned sends_files = 1;
    mysql_options(db, MYSQL_OPT_LOCAL_INFILE, &sends_files);
    mysql_optionsv(db, MYSQL_OPT_CONNECT_ATTR_ADD, "shop", "tests");
    if (getenv("DB_TLS_CA") != NULL) {
        my_bool is_on = 1;
        mysql_options(db, MYSQL_OPT_SSL_CA, getenv("DB_TLS_CA"));
        mysql_options(db, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &is_on);
        mysql_options(db, MYSQL_OPT_COMPRESS, NULL);
    }
    if (mysql_real_connect(db, "127.0.0.1", getenv("DB_USER"), getenv("DB_PASSWORD"),
                           getenv("DB_NAME"), (unsigned)atoi(getenv("DB_PORT")), NULL,
                           CLIENT_FOUND_ROWS) == NULL) {
        printf("cannot connect: %s\n", mysql_error(db));
        exit(1);
    }
    return db;
}

static void run(MYSQL *db, const char *text)
{
    if (mysql_query(db, text) != 0) {
        printf("%s: %u %s\n", text, mysql_errno(db), mysql_sqlstate(db));
        return;
    }
    MYSQL_RES *result = mysql_store_result(db);
    if (result == NULL) {
        printf("%.30s: %llu rows, %s\n", text, (unsigned long long)mysql_affected_rows(db),
               mysql_info(db) ? mysql_info(db) : "-");
        return;
    }
    for (MYSQL_ROW row; (row = mysql_fetch_row(result)) != NULL;) {
        for (unsigned i = 0; i < mysql_num_fields(result); i++) {
            printf("%s%s", i ? " | " : "", row[i] ? row[i] : "NULL");
        }
        printf("\n");
    }
    mysql_free_result(result);
}

static void bind_in(MYSQL_BIND *bind, enum enum_field_types type, void *value,
                    unsigned long *length)
{
    memset(bind, 0, sizeof *bind);
    bind->buffer_type = type;
    bind->buffer = value;
    bind->length = length != NULL ? length : &bind->buffer_length;
    bind->buffer_length = length != NULL ? *length : 0;
}

static void insert_orders(MYSQL *db)
{
    static const char text[] = "INSERT INTO orders (buyer_id, amount, note, payload, bought, "
                               "ratio, small) VALUES (?, ?, ?, ?, ?, ?, ?)";
    MYSQL_STMT *statement = mysql_stmt_init(db);
    mysql_stmt_prepare(statement, text, sizeof text - 1);
    for (long long buyer = 1; buyer <= 5; buyer++) {
        MYSQL_BIND binds[7];
        char amount[20], note[] = "caf\xc3\xa9 \xe2\x98\x95";
        double ratio = 1.0 / (double)buyer;
        signed char small = (signed char)-buyer;
        unsigned long amount_length =
                          (unsigned long)snprintf(amount, sizeof amount, "%lld.99", buyer),
                      note_length = sizeof note - 1;
        MYSQL_TIME bought = {
            .year = 2026, .month = 4, .day = (unsigned)buyer, .hour = 5, .second_part = 7};
        my_bool is_null = buyer == 2;
        bind_in(&binds[0], MYSQL_TYPE_LONGLONG, &buyer, NULL);
        bind_in(&binds[1], MYSQL_TYPE_NEWDECIMAL, amount, &amount_length);
        bind_in(&binds[2], MYSQL_TYPE_STRING, note, &note_length);
        bind_in(&binds[3], MYSQL_TYPE_BLOB, NULL, NULL);
        bind_in(&binds[4], MYSQL_TYPE_DATETIME, &bought, NULL);
        bind_in(&binds[5], MYSQL_TYPE_DOUBLE, &ratio, NULL);
        bind_in(&binds[6], MYSQL_TYPE_TINY, &small, NULL);
        binds[2].is_null = &is_null;
        binds[3].length = &binds[3].buffer_length;
        mysql_stmt_bind_param(statement, binds);
        mysql_stmt_send_long_data(statement, 3, "first part,", 11);
        mysql_stmt_send_long_data(statement, 3, " second part", 12);
        int wrong = mysql_stmt_execute(statement);
        printf("insert: %d %s, %llu, id %s\n", wrong, mysql_stmt_error(statement),
               (unsigned long long)mysql_stmt_affected_rows(statement),
               mysql_stmt_insert_id(statement) > 0 ? "yes" : "no");
    }
    mysql_stmt_close(statement);
}

static void read_orders(MYSQL *db)
{
    static const char text[] = "SELECT buyer_id, amount, note, payload, bought, small FROM orders "
                               "WHERE buyer_id <> ? ORDER BY buyer_id DESC";
    MYSQL_STMT *statement = mysql_stmt_init(db);
    long long not_this = 3, buyer = 0;
    char amount[20], note[40], payload[40];
    unsigned long lengths[3] = {sizeof amount, sizeof note, sizeof payload};
    MYSQL_TIME bought;
    signed char small = 0;
    my_bool note_is_null = 0;
    MYSQL_BIND in, out[6];
    mysql_stmt_prepare(statement, text, sizeof text - 1);
    bind_in(&in, MYSQL_TYPE_LONGLONG, &not_this, NULL);
    bind_in(&out[0], MYSQL_TYPE_LONGLONG, &buyer, NULL);
    bind_in(&out[1], MYSQL_TYPE_STRING, amount, &lengths[0]);
    bind_in(&out[2], MYSQL_TYPE_STRING, note, &lengths[1]);
    bind_in(&out[3], MYSQL_TYPE_BLOB, payload, &lengths[2]);
    bind_in(&out[4], MYSQL_TYPE_DATETIME, &bought, NULL);
    bind_in(&out[5], MYSQL_TYPE_TINY, &small, NULL);
    out[2].is_null = &note_is_null;
    mysql_stmt_bind_param(statement, &in);
    mysql_stmt_bind_result(statement, out);
    printf("parameters %lu, columns %u\n", mysql_stmt_param_count(statement),
           mysql_stmt_field_count(statement));
    for (int again = 0; again < 2; again++) {
        printf("execute: %d\n", mysql_stmt_execute(statement));
        mysql_stmt_store_result(statement);
        while (mysql_stmt_fetch(statement) == 0) {
            printf("%lld %.*s %.*s %.*s %u-%u-%u %lu %d\n", buyer, (int)lengths[0], amount,
                   note_is_null ? 4 : (int)lengths[1], note_is_null ? "NULL" : note,
                   (int)lengths[2], payload, bought.year, bought.month, bought.day,
                   bought.second_part, small);
        }
        mysql_stmt_free_result(statement);
        mysql_stmt_reset(statement);
        not_this = 1;
    }
    int wrong = mysql_stmt_prepare(statement, "SELECT x FROM orders", 20);
    printf("wrong: %d %u\n", wrong, mysql_stmt_errno(statement));
    mysql_stmt_close(statement);
}

static void session_calls(MYSQL *db)
{
    printf("ping %d, statistics %s\n", mysql_ping(db),
           mysql_stat(db)[0] == 'U' ? "yes" : mysql_stat(db));
    run(db, "SET @a = 5, NAMES utf8mb4");
    run(db, "SELECT @a");
    printf("reset %d\n", mysql_reset_connection(db));
    run(db, "SELECT @a");
    int wrong = mysql_select_db(db, "nowhere");
    printf("select_db %d %u\n", wrong, mysql_errno(db));
    printf("autocommit %d\n", mysql_autocommit(db, 0));
    run(db, "DELETE FROM orders WHERE buyer_id = 1");
    printf("rollback %d\n", mysql_rollback(db));
    mysql_autocommit(db, 1);
    run(db, "SELECT COUNT(*) FROM orders");
    MYSQL_RES *fields = mysql_list_fields(db, "notes", NULL);
    printf("list fields %u %s\n", mysql_num_fields(fields),
           mysql_fetch_field_direct(fields, 1)->name);
    mysql_free_result(fields);
    MYSQL *latin = connect_db("latin1");
    run(latin, "INSERT INTO notes (word) VALUES ('gr\xfc\xdf')");
    run(db, "SELECT word FROM notes WHERE word LIKE 'gr%'");
    mysql_close(latin);
}

static void load_file(MYSQL *db)
{
    char path[] = "/tmp/connector_c_XXXXXX", text[200];
    FILE *file = fdopen(mkstemp(path), "w");
    for (int buyer = 100; buyer < 1100; buyer++) {
        fprintf(file, "%d.5\t%d\tnote\\\n%d\n", buyer, buyer, buyer);
    }
    fclose(file);
    snprintf(text, sizeof text,
             "LOAD DATA LOCAL INFILE '%s' INTO TABLE orders (amount, buyer_id, note)", path);
    run(db, text);
    run(db, "SELECT COUNT(*) FROM orders WHERE buyer_id >= 100");
    run(db, "SELECT amount, note FROM orders WHERE buyer_id = 777");
    remove(path);
}

int main(void)
{
    MYSQL *db = connect_db("utf8mb4");
    run(db, "DROP TABLE IF EXISTS orders");
    run(db, "DROP TABLE IF EXISTS notes");
    run(db, "CREATE TABLE orders (order_id BIGINT AUTO_INCREMENT PRIMARY KEY, buyer_id BIGINT NOT "
            "NULL, amount DECIMAL(10,2), "
            "note VARCHAR(100), payload BLOB, bought DATETIME(6), ratio DOUBLE, small TINYINT) "
            "CHARACTER SET utf8mb4");
    run(db, "CREATE TABLE notes (id INT AUTO_INCREMENT PRIMARY KEY, word VARCHAR(50) UNIQUE) "
            "CHARACTER SET utf8mb4");
    insert_orders(db);
    read_orders(db);
    run(db, "INSERT INTO notes (word) VALUES ('a'), ('b')");
    run(db, "INSERT INTO notes (word) VALUES ('b')");
    run(db, "UPDATE notes SET word = 'a' WHERE word = 'a'");
    run(db, "SELEC 1");
    run(db, "SELECT buyer_id, amount, note FROM orders ORDER BY amount LIMIT 2");
    load_file(db);
    session_calls(db);
    run(db, "DROP TABLE orders");
    run(db, "DROP TABLE notes");
    mysql_close(db);
    return 0;
}
