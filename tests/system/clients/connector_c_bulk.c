// MariaDB Connector/C: arrays of parameters, PREPARE and EXECUTE in one write, cursors.

#include <mysql.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETS = 7 };

static void say(MYSQL_STMT *statement, const char *what)
{
    if (mysql_stmt_errno(statement) != 0) {
        printf("%s: %u %s\n", what, mysql_stmt_errno(statement), mysql_stmt_sqlstate(statement));
        return;
    }
    printf("%s: %llu rows, id %llu\n", what,
           (unsigned long long)mysql_stmt_affected_rows(statement),
           (unsigned long long)mysql_stmt_insert_id(statement));
}

static void insert_array(MYSQL *db, const char *sql)
{
    MYSQL_STMT *statement = mysql_stmt_init(db);
    unsigned count = SETS;
    long long ids[SETS] = {1, 2, 3, 4, 5, 6, 7};
    const char *names[SETS] = {"one", "two", NULL, "four", "five", "six", "seven"};
    unsigned long lengths[SETS] = {3, 3, 0, 4, 4, 3, 5};
    char indicators[SETS] = {0, 0, STMT_INDICATOR_NULL, 0, STMT_INDICATOR_DEFAULT, 0, 0};
    MYSQL_BIND bind[2];
    memset(bind, 0, sizeof bind);
    bind[0].buffer_type = MYSQL_TYPE_LONGLONG;
    bind[0].buffer = ids;
    bind[1].buffer_type = MYSQL_TYPE_STRING;
    bind[1].buffer = names;
    bind[1].length = lengths;
    bind[1].u.indicator = indicators;
    mysql_stmt_prepare(statement, sql, strlen(sql));
    mysql_stmt_attr_set(statement, STMT_ATTR_ARRAY_SIZE, &count);
    mysql_stmt_bind_param(statement, bind);
    for (int turn = 0; turn < 2; turn++) { // the second time all are there already
        mysql_stmt_execute(statement);
        say(statement, sql);
        mysql_stmt_reset(statement);
    }
    mysql_stmt_close(statement);
}

static void read_direct(MYSQL *db, const char *sql, int with_cursor)
{
    MYSQL_STMT *statement = mysql_stmt_init(db);
    long long limit = 4, id = 0;
    unsigned params = 1;
    char name[50];
    my_bool is_null = 0;
    unsigned long cursor = CURSOR_TYPE_READ_ONLY, ahead = 2, length = 0;
    MYSQL_BIND in = {.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &limit};
    MYSQL_BIND out[2] = {
        {.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &id},
        {.buffer_type = MYSQL_TYPE_STRING,
         .buffer = name,
         .buffer_length = sizeof name,
         .length = &length,
         .is_null = &is_null},
    };
    if (with_cursor) {
        mysql_stmt_attr_set(statement, STMT_ATTR_CURSOR_TYPE, &cursor);
        mysql_stmt_attr_set(statement, STMT_ATTR_PREFETCH_ROWS, &ahead);
    }
    mysql_stmt_attr_set(statement, STMT_ATTR_PREBIND_PARAMS, &params);
    mysql_stmt_bind_param(statement, &in);
    mariadb_stmt_execute_direct(statement, sql, strlen(sql));
    mysql_stmt_bind_result(statement, out);
    int count = 0;
    while (mysql_stmt_fetch(statement) == 0) {
        printf("%lld %.*s\n", id, is_null ? 4 : (int)length, is_null ? "NULL" : name);
        count++;
    }
    printf("%d rows, %u\n", count, mysql_stmt_errno(statement));
    mysql_stmt_close(statement);
}

int main(void)
{
    static const char several[] =
        "SELECT buyer_id, name FROM users WHERE buyer_id < ? ORDER BY buyer_id";
    static const char one[] =
        "SELECT product_id, n FROM inventory WHERE product_id < ? ORDER BY product_id";
    MYSQL *db = mysql_init(NULL);
    if (mysql_real_connect(db, "127.0.0.1", getenv("DB_USER"), getenv("DB_PASSWORD"),
                           getenv("DB_NAME"), (unsigned)atoi(getenv("DB_PORT")), NULL, 0) == NULL) {
        printf("cannot connect: %s\n", mysql_error(db));
        return 1;
    }
    insert_array(db, "INSERT INTO users (buyer_id, name) VALUES (?, ?)");
    insert_array(db, "INSERT IGNORE INTO users (buyer_id, name) VALUES (?, ?)");
    insert_array(db, "REPLACE INTO inventory (product_id, n) VALUES (? + 100, ?)");
    mysql_query(db, "INSERT INTO inventory VALUES (1, 1), (2, 2), (3, 3)");
    read_direct(db, several, 0);
    read_direct(db, one, 1);
    MYSQL_STMT *wrong = mysql_stmt_init(db);
    mariadb_stmt_execute_direct(wrong, "SELEC 1", 7);
    say(wrong, "wrong");
    mysql_stmt_close(wrong);
    read_direct(db, several, 1);
    mysql_close(db);
    return 0;
}
