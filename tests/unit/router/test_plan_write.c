// Where INSERT, UPDATE, DELETE, DDL and all the rest go, and what is refused: the second half of
// the router's manual.

#include "tests/unit/router/route_fixture.h"

struct route_case {
    const char *sql, *expected;
};

#define ON(shard)  shard " write: as it came | merge: none"
#define GET(shard) shard " replica: as it came | merge: none"
#define ALL(merge)                                                                                 \
    "s1 write: as it came | s2 write: as it came | s3 write: as it came | s4 write: as it came | " \
    "merge: " merge
#define LIMITED                                                                                    \
    "first the rows are found and locked (SELECT ... FOR UPDATE); then each shard gets its part "  \
    "of the LIMIT | "
#define SELECTED(shard)                                                                            \
    "first the SELECT is run; its rows are then inserted as VALUES | " shard                       \
    " write: as it came | merge: none"
#define ASKED                                                                                      \
    "first a server is asked for the values of expressions that place rows, or that only it "      \
    "knows | s1 write: as it "                                                                     \
    "came | merge: none"
#define COLUMNS_ASKED "first a server is asked for the columns of the table"
#define GET_ALL(merge)                                                                             \
    "s1 replica: as it came | s2 replica: as it came | s3 replica: as it came | "                  \
    "s4 replica: as it came | merge: " merge
#define GET_ALL_TEXT(text, merge)                                                                  \
    "s1 replica: " text " | s2 replica: " text " | s3 replica: " text " | s4 replica: " text       \
    " | merge: " merge

// clang-format off
static const struct route_case insert_cases[] = {
    {"INSERT INTO carts (buyer_id, a) VALUES ({b2}, 1)", ON("s2")},
    {"INSERT INTO carts (a, buyer_id) VALUES (1, '{b2}'), (2, {c2})", ON("s2")},
    {"INSERT INTO carts SET a = 1, buyer_id = {b3}", ON("s3")},
    {"REPLACE INTO carts (a, buyer_id) VALUES (1, {b4})", ON("s4")},
    {"INSERT INTO carts (buyer_id) VALUES ({b2}.0)", ON("s2")},
    {"INSERT INTO numbers (n) VALUES (TRUE)", ON("s1")},
    {"INSERT INTO carts (a, buyer_id) VALUES (1, {b4}), (2, {b3})", "9002 belong to 2 shards"},
    {"INSERT INTO carts VALUES ({b2}, 1)", "first a server is asked for the columns of the table"},
    {"INSERT INTO carts () VALUES ({b2}, 1)", "first a server is asked for the columns of the table"},
    {"INSERT INTO carts /*! VALUES ({b2}, 1) */", "1235 executable comments"},
    {"INSERT INTO carts () VALUES ()", "9003 must give a value for buyer_id"},
    {"INSERT INTO carts (a) VALUES (1)", "9003 must give a value for its shard key `buyer_id`"},
    {"INSERT INTO carts (buyer_id) VALUES (NULL)", "9003 row 1 of the INSERT into table shop.carts is NULL"},
    {"INSERT INTO carts (buyer_id) VALUES (DEFAULT)", "9003 is DEFAULT"},
    {"INSERT INTO carts (buyer_id) VALUES ({b1}), (1 + 1)", ASKED},
    {"INSERT INTO carts (buyer_id) VALUES ({b1}), (a + 1)", "9003 row 2 of the INSERT"},
    {"INSERT INTO carts (buyer_id) VALUES ({b1}), ((SELECT 1))", "9003 row 2 of the INSERT"},
    {"INSERT INTO carts (buyer_id) VALUES (some_function(1))", "9003 row 1 of the INSERT"},
    {"INSERT INTO carts (buyer_id) VALUES (@a := 5)", "9003 row 1 of the INSERT"},
    {"INSERT INTO carts (buyer_id) VALUES ('5abc')", "9003 is no whole number"},
    {"INSERT IGNORE INTO carts (buyer_id) VALUES ({b2})", ON("s2")},
    {"INSERT IGNORE INTO carts (buyer_id) VALUES (-5)", "9003 may be out of its column's range"},
    {"INSERT IGNORE INTO carts (buyer_id) VALUES (18446744073709551615)", "9003 may be out of its column's range"},
    {"INSERT INTO carts (buyer_id) VALUES (1.5)", "9003 is no whole number"},
    {"INSERT INTO carts (buyer_id) VALUES (1e3)", "9003 only the server knows"},
    {"INSERT INTO carts (buyer_id, a) VALUES ({b1})", ON("s1")}, // the server's error
    {"INSERT INTO carts (buyer_id) SELECT {b3}", ON("s3")},
    {"INSERT INTO carts (a, buyer_id) SELECT MAX(a), {b3} FROM orders WHERE buyer_id = {b3}", ON("s3")},
    {"INSERT INTO carts (a, buyer_id) SELECT a, {b3} FROM orders WHERE buyer_id = {b2}", COLUMNS_ASKED},
    {"INSERT INTO carts (a, buyer_id) SELECT a, buyer_id FROM orders WHERE buyer_id = {b2} LIMIT 3", ON("s2")},
    {"INSERT INTO carts (a, buyer_id) SELECT a, user_id FROM orders WHERE buyer_id = {b2}", COLUMNS_ASKED},
    {"INSERT INTO carts (a, buyer_id) SELECT a, o.buyer_id FROM items i LEFT JOIN orders o ON o.id = i.order_id WHERE i.order_id = {i2}", COLUMNS_ASKED},
    {"INSERT INTO carts SELECT * FROM orders WHERE buyer_id = {b2}", COLUMNS_ASKED},
    {"INSERT INTO carts (a) SELECT a FROM orders", "9003 must give a value for its shard key `buyer_id`"},
    {"INSERT INTO carts (a, buyer_id) SELECT a, buyer_id FROM orders", COLUMNS_ASKED}, // not allowed to write to several
    {"INSERT INTO orders (buyer_id, a) SELECT buyer_id, a FROM carts WHERE buyer_id = {b2}", COLUMNS_ASKED}, // ids are to be made
    {"/* waybill: shard=s2 */ INSERT INTO carts (a, buyer_id) SELECT a, buyer_id FROM orders", ON("s2")},
    {"/* waybill: shard=s2 */ INSERT INTO carts (a, buyer_id) SELECT buyer_id, a FROM orders", "9002 with a hint is done where the source's key is taken over"},
    {"INSERT INTO sessions (token) VALUES ('{t2}')", ON("s2")},
    {"INSERT INTO sessions (token) VALUES ('\xc3\xa4')", "9003 not printable ASCII"},
    {"INSERT INTO numbers (n) VALUES (1500)", ON("s2")},
    {"INSERT INTO numbers (n) VALUES (-1)", "9003 No range of table shop.numbers covers n = 1"},
    {"INSERT INTO regions (region) VALUES ('US')", ON("s2")},
    {"INSERT INTO regions (region) VALUES ('de')", "9003 No list of table shop.regions covers region = de"},
    {"INSERT INTO logs (at) VALUES ('2024-08-01 00:00:00')", ON("s3")},
    {"INSERT INTO logs (at) VALUES ('2025-08-01')", "9003 No date of table shop.logs covers at"},
    {"INSERT INTO logs (at) VALUES (NOW())", ASKED},
    {"INSERT INTO carts (buyer_id) VALUES ({b1}) ON DUPLICATE KEY UPDATE a = 1", ON("s1")},
    {"INSERT INTO carts (buyer_id) VALUES ({b1}) ON DUPLICATE KEY UPDATE buyer_id = 5", "9003 may not change `buyer_id`"},
    {"INSERT INTO carts (buyer_id) VALUES ({b1}) ON DUPLICATE KEY UPDATE buyer_id = VALUES(buyer_id)", ON("s1")},
    {"INSERT INTO carts (buyer_id, a) VALUES ({b1}, (SELECT MAX(x) FROM countries))", ON("s1")},
    {"INSERT INTO carts (buyer_id, a) VALUES ({b1}, (SELECT MAX(x) FROM flags))", "9001 A subquery of the INSERT needs other shards than s1"},
    {"INSERT INTO carts (buyer_id, a) VALUES ({b1}, (SELECT MAX(a) FROM orders WHERE buyer_id = {c1}))", ON("s1")},
    // tables that are not sharded
    {"INSERT INTO flags VALUES (1)", ON("s3")},
    {"INSERT INTO notes VALUES (1)", ON("s1")},
    {"INSERT INTO notes SELECT * FROM flags", COLUMNS_ASKED},
    {"INSERT INTO notes SELECT a FROM orders", COLUMNS_ASKED},
    {"INSERT INTO flags SELECT * FROM countries", ON("s3")},
    {"INSERT INTO flags SELECT * FROM orders WHERE buyer_id = {b3}", ON("s3")},
    {"INSERT INTO countries VALUES (1)", "9002 best_effort"},
};

static const struct route_case id_cases[] = {
    {"INSERT INTO orders (buyer_id, id) VALUES ({b2}, {i2})", ON("s2")},
    {"INSERT INTO orders (buyer_id, id) VALUES ({b2}, {j2})", "9003 carries bucket"},
    {"INSERT INTO orders (buyer_id, id) VALUES ({b2}, -4)", "9003 must be an id that waybill made"},
    {"INSERT INTO orders (buyer_id, id) VALUES ({b2}, 1 + 1)", ASKED},
    {"INSERT INTO orders (id) VALUES ({i2})", "9003 must give a value for its shard key"},
    {"INSERT INTO items (order_id, pos) VALUES ({i3}, 1), ({j3}, 2)", ON("s3")},
    {"INSERT INTO items (pos) VALUES (1)", "9003 must give a value for `order_id`"},
    {"INSERT INTO items (order_id) VALUES (NULL)", "9003 must be an id that waybill made"},
    {"INSERT INTO items (order_id) VALUES (LAST_INSERT_ID())", "9003 LAST_INSERT_ID() is 0"},
    {"INSERT INTO payments (order_id, buyer_id) VALUES ({i3}, {b3})", ON("s3")},
    {"INSERT INTO payments (order_id, buyer_id) VALUES ({i3}, {c3})", "9003 carries bucket"},
    {"INSERT INTO orders (buyer_id, id) VALUES ({b2}, {i2}) ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id)", ON("s2")},
};

static const struct route_case change_cases[] = {
    {"UPDATE orders SET a = 1 WHERE buyer_id = {b2}", ON("s2")},
    {"UPDATE orders SET a = 1 WHERE id = {i2} ORDER BY a LIMIT 1", ON("s2")},
    {"UPDATE orders o SET o.a = 1 WHERE o.id = {i2}", ON("s2")},
    {"UPDATE orders SET a = 1", "9002 needs distributed = atomic"},
    {"UPDATE orders SET a = 1 LIMIT 5", "9002 needs distributed = atomic"},
    {"UPDATE orders SET buyer_id = 5 WHERE id = {i2}", "9003 may not change `buyer_id`"},
    {"UPDATE orders SET ID = 5 WHERE id = {i2}", "9003 may not change `ID`"},
    {"UPDATE orders SET a = 1, buyer_id = buyer_id WHERE id = {i2}", ON("s2")},
    // what a mapper writes back unchanged
    {"UPDATE orders SET a = 1, buyer_id = {b2} WHERE id = {i2}", ON("s2")},
    {"UPDATE orders SET a = 1, buyer_id = {c2} WHERE id = {i2}", "9003 may not change `buyer_id`"},
    {"UPDATE orders SET buyer_id = {b2} WHERE id = {i2} OR a = 1", "9003 may not change `buyer_id`"},
    {"UPDATE orders SET a = 1, buyer_id = '0{b2}' WHERE buyer_id = {b2} AND a = 2", ON("s2")},
    {"UPDATE orders SET a = 1, id = {i2} WHERE id = {i2}", ON("s2")},
    {"UPDATE orders SET a = 1, id = {j2} WHERE id = {i2}", "9003 may not change `id`"},
    {"UPDATE numbers SET n = 5 WHERE n = 5", ON("s1")},
    {"UPDATE numbers SET n = 6 WHERE n = 5", ON("s1")}, // the same shard has it
    {"UPDATE numbers SET n = 6 WHERE n BETWEEN 5 AND 50 AND a = 1", ON("s1")},
    {"UPDATE numbers SET n = 1006 WHERE n = 5", "9003 may not change `n`"},
    {"UPDATE numbers SET n = 6 WHERE n > 5", "9003 may not change `n`"},
    {"UPDATE numbers SET n = n + 1 WHERE n = 5", "9003 may not change `n`"},
    {"UPDATE IGNORE numbers SET n = 6 WHERE n = 5", "9003 may not change `n`"},
    {"UPDATE carts SET buyer_id = {c2} WHERE buyer_id = {b2}", ON("s2")},
    {"UPDATE orders o JOIN items i ON i.order_id = o.id SET i.a = o.a WHERE o.id = {i2}", ON("s2")},
    {"UPDATE orders o JOIN items i ON i.order_id = o.id SET i.a = o.a", "9002 needs distributed = atomic"},
    {"UPDATE orders o JOIN items i ON i.order_id = o.id SET i.order_id = 1 WHERE o.id = {i2}", "9003 may not change"},
    {"UPDATE orders o JOIN countries c ON c.id = o.country SET o.a = c.a WHERE o.id = {i2}", ON("s2")},
    {"UPDATE orders o JOIN countries c ON c.id = o.country SET c.a = 1 WHERE o.id = {i2}", "9002 may write a reference table"},
    {"UPDATE orders o JOIN countries c ON c.id = o.country SET a = 1 WHERE o.id = {i2}", "9002 may write a reference table"},
    {"UPDATE orders SET a = (SELECT MAX(a) FROM items WHERE order_id = {i2}) WHERE id = {i2}", ON("s2")},
    {"UPDATE orders SET a = (SELECT MAX(a) FROM items) WHERE id = {i2}", "9002"},
    {"UPDATE flags SET a = 1", ON("s3")},
    {"UPDATE notes SET a = 1", ON("s1")},
    {"UPDATE notes SET a = (SELECT 1 FROM flags)", "9002"},
    {"UPDATE countries SET a = 1", "9002 best_effort"},
    {"DELETE FROM orders WHERE buyer_id = {b2}", ON("s2")},
    {"DELETE FROM orders WHERE buyer_id IN ({b2}, {b3})", "9002 needs distributed = atomic"},
    {"DELETE FROM orders", "9002 needs distributed = atomic"},
    {"DELETE FROM items WHERE order_id = {i1} LIMIT 1", ON("s1")},
    {"DELETE i FROM orders o JOIN items i ON i.order_id = o.id WHERE o.id = {i1}", ON("s1")},
    {"DELETE o FROM orders o JOIN countries c ON c.id = o.country WHERE o.id = {i1}", ON("s1")},
    {"DELETE c FROM orders o JOIN countries c ON c.id = o.country WHERE o.id = {i1}", "9002 may write a reference table"},
    {"DELETE FROM flags", ON("s3")},
};

static const struct route_case effort_cases[] = { // distributed = best_effort
    {"UPDATE orders SET a = 1 WHERE buyer_id IN ({b1}, {b2})", "s1 write: as it came | s2 write: as it came | merge: add up"},
    {"UPDATE orders SET a = 1", ALL("add up")},
    {"UPDATE orders SET a = 1 ORDER BY a LIMIT 5", LIMITED ALL("add up; limit 5")},
    {"UPDATE orders SET a = 1 ORDER BY a", ALL("add up")},
    {"UPDATE orders SET a = 1 LIMIT 0", ON("s1") "; limit 0"},
    {"DELETE FROM orders WHERE a < NOW() LIMIT 5", LIMITED ALL("add up; limit 5")},
    {"DELETE FROM orders WHERE a < NOW() ORDER BY a LIMIT 5", "9002 LIMIT and functions like NOW()"},
    {"DELETE IGNORE FROM orders LIMIT 5", "9002 LIMIT beside"},
    {"DELETE FROM orders ORDER BY 1 LIMIT 5", "9002 LIMIT beside"},
    {"DELETE FROM orders WHERE id IN (SELECT order_id FROM items) LIMIT 5", "9002 LIMIT beside"},
    {"DELETE FROM orders ORDER BY a LIMIT 5 RETURNING id", LIMITED ALL("add up; limit 5")},
    {"DELETE FROM orders ORDER BY a RETURNING id", "9002 ORDER BY and RETURNING"},
    {"INSERT INTO carts (a, buyer_id) SELECT a, buyer_id FROM orders", ALL("add up")},
    {"INSERT INTO carts (a, buyer_id) SELECT a, buyer_id FROM orders RETURNING a", ALL("rows")},
    {"INSERT INTO carts (a, buyer_id) SELECT DISTINCT a, buyer_id FROM orders WHERE a > 5 ON DUPLICATE KEY UPDATE a = 1", ALL("add up")},
    {"INSERT INTO carts (a, buyer_id) SELECT COUNT(*), buyer_id FROM orders GROUP BY buyer_id", ALL("add up")},
    {"INSERT INTO carts (a, buyer_id) SELECT COUNT(*), buyer_id FROM orders GROUP BY a", COLUMNS_ASKED},
    {"INSERT INTO carts (a, buyer_id) SELECT a, buyer_id FROM orders LIMIT 9", COLUMNS_ASKED},
    {"INSERT INTO carts (a, buyer_id) SELECT a, b FROM orders", COLUMNS_ASKED},
    {"INSERT INTO payments (order_id, buyer_id) SELECT id, buyer_id FROM orders", ALL("add up")},
    {"INSERT INTO payments (order_id, buyer_id) SELECT id, a FROM orders", COLUMNS_ASKED},
    {"INSERT INTO carts (a, buyer_id) SELECT i.pos, o.buyer_id FROM orders o JOIN items i ON i.order_id = o.id", ALL("add up")},
    {"UPDATE orders SET a = @x", "9002 user variable"},
    {"UPDATE orders SET a = (SELECT MAX(a) FROM items WHERE order_id = orders.id)", ALL("add up")},
    {"UPDATE orders SET a = (SELECT MAX(a) FROM items)", "9002 subquery"},
    {"UPDATE flags SET a = (SELECT MAX(a) FROM orders)", "9002 subquery"},
    {"UPDATE orders o JOIN items i ON i.order_id = o.id SET i.a = o.a", ALL("add up")},
    {"UPDATE orders o JOIN items i ON i.order_id = o.a SET i.a = o.a", "9002 not joined by their shard key"},
    {"UPDATE orders o JOIN flags f ON f.a = o.a SET o.a = 1", "9002 is on one shard only"},
    {"UPDATE orders o JOIN countries c ON c.id = o.a SET o.a = c.b", ALL("add up")},
    {"UPDATE countries c LEFT JOIN orders o ON c.id = o.a SET o.a = 1", "9002 outer join"},
    {"DELETE i FROM orders o JOIN items i ON i.order_id = o.id", ALL("add up")},
    {"DELETE FROM orders RETURNING id", ALL("rows")},
    {"DELETE FROM orders", ALL("add up")},
    {"UPDATE countries SET a = 1", ALL("first")},
    {"UPDATE countries SET a = NOW()", "9002 NOW()"},
    {"UPDATE countries SET a = 1 LIMIT 1", "9002 LIMIT"},
    {"UPDATE countries SET a = (SELECT COUNT(*) FROM orders WHERE buyer_id = {b1})", "9002 may read only reference tables"},
    {"INSERT INTO countries (id) VALUES (1)", ALL("first")},
    {"INSERT INTO countries (id) VALUES (UUID())", "9002 UUID()"},
    {"INSERT INTO countries SELECT * FROM flags", COLUMNS_ASKED},
    {"INSERT INTO countries VALUES ((SELECT MAX(a) FROM flags))", "9002 may read only reference tables"},
    {"INSERT INTO carts (buyer_id, a) VALUES ({b1}, 1), ({b2}, 2), ({c1}, 3) ON DUPLICATE KEY UPDATE a = 4",
     "s1 write: INSERT INTO carts (buyer_id, a) VALUES ({b1}, 1), ({c1}, 3) ON DUPLICATE KEY UPDATE a = 4 | "
     "s2 write: INSERT INTO carts (buyer_id, a) VALUES ({b2}, 2) ON DUPLICATE KEY UPDATE a = 4 | merge: add up"},
    {"INSERT INTO carts (buyer_id) VALUES ({b3}) , ({b1}) , ({c1})",
     "s1 write: INSERT INTO carts (buyer_id) VALUES ({b1}) , ({c1}) | "
     "s3 write: INSERT INTO carts (buyer_id) VALUES ({b3}) | merge: add up"},
    {"INSERT INTO carts (buyer_id) VALUES ({b3}), ({b1}) RETURNING a",
     "s1 write: INSERT INTO carts (buyer_id) VALUES ({b1}) RETURNING a | "
     "s3 write: INSERT INTO carts (buyer_id) VALUES ({b3}) RETURNING a | merge: rows"},
    {"INSERT INTO carts (buyer_id, a) VALUES ({b3}, (SELECT 1 FROM flags)), ({b1}, 2)", "9001 reference tables only"},
};

static const struct route_case ddl_cases[] = {
    {"CREATE TABLE orders (id BIGINT PRIMARY KEY, buyer_id INT UNSIGNED NOT NULL)", ALL("first")},
    {"CREATE TABLE orders (id BIGINT PRIMARY KEY)", "9003 sharded by column `buyer_id`, which its definition lacks"},
    {"CREATE TABLE orders (id INT PRIMARY KEY, buyer_id INT)", "9003 Column `id` of table shop.orders must be a BIGINT"},
    {"CREATE TABLE orders (id BIGINT, buyer_id VARCHAR(5))", "9003 must be an integer"},
    {"CREATE TABLE sessions (token VARCHAR(64) PRIMARY KEY)", ALL("first")},
    {"CREATE TABLE sessions (token BINARY(64) PRIMARY KEY)", "9003 must be a string"},
    {"CREATE TABLE logs (at DATETIME)", ALL("first")},
    {"CREATE TABLE logs (at TIMESTAMP)", "9003 must be a DATE or DATETIME"},
    {"CREATE TABLE countries (id INT)", ALL("first")},
    {"CREATE TABLE flags (id INT)", ON("s3")},
    {"CREATE TABLE notes (id INT)", ON("s1")},
    {"CREATE TABLE orders LIKE items", ALL("first")},
    {"CREATE TABLE notes LIKE orders", "9001 are not on the same shards"},
    {"CREATE TABLE orders (id BIGINT, buyer_id INT) SELECT 1", "9002 CREATE TABLE ... SELECT"},
    {"CREATE TABLE notes SELECT * FROM flags", "9002 CREATE TABLE ... SELECT"},
    {"CREATE TABLE flags SELECT * FROM countries", ON("s3")},
    {"CREATE TEMPORARY TABLE x (a INT)", ON("s1")},
    {"CREATE TEMPORARY TABLE orders (a INT)", "9001 temporary table may not have the name"},
    {"ALTER TABLE orders ADD COLUMN x INT", ALL("first")},
    {"ALTER TABLE flags ADD COLUMN x INT", ON("s3")},
    {"DROP TABLE orders", ALL("first")},
    {"DROP TABLE IF EXISTS orders, items, countries", ALL("first")},
    {"DROP TABLE orders, notes", "9001 are not on the same shards"},
    {"DROP TABLE flags", ON("s3")},
    {"RENAME TABLE orders TO orders_old", "9001 are not on the same shards"},
    {"TRUNCATE TABLE orders", ALL("first")},
    {"CREATE INDEX i ON orders (a)", ALL("first")},
    {"CREATE DATABASE other", ALL("first")},
    {"DROP DATABASE other", ALL("first")},
    {"CREATE VIEW v AS SELECT * FROM orders", "9001 A view may read reference tables"},
    {"CREATE VIEW v AS SELECT * FROM flags", "9001 A view may read reference tables"},
    {"CREATE VIEW v AS SELECT * FROM notes", ON("s1")},
    {"CREATE VIEW v AS SELECT * FROM countries", ALL("first")},
    {"DROP VIEW v", ALL("first")},
    {"CREATE PROCEDURE p() SELECT 1", ALL("first")},
};

static const struct route_case other_cases[] = {
    {"SHOW TABLES", GET_ALL("union by 1")},
    {"SHOW FULL TABLES FROM other LIKE 'a%'", GET_ALL("union by 1")},
    {"SHOW TABLES WHERE Tables_in_shop > 'x'", GET_ALL("union by 1")},
    {"SHOW TABLES WHERE Tables_in_shop = @x", "9001 only one server can answer a user variable"},
    {"SHOW TABLES WHERE Tables_in_shop IN (SELECT 1)", "9001 SHOW with a subquery"},
    {"SHOW COLUMNS FROM stock WHERE Field = (SELECT a FROM flags)", "9001 SHOW with a subquery"},
    {"SHOW DATABASES", GET_ALL_TEXT("SHOW DATABASES | WHERE `Database` <> 'waybill'", "union by 1")},
    {"SHOW SCHEMAS LIKE 's%'", GET_ALL("union by 1")},
    {"/* waybill: shard=s2 */ SHOW TABLES", GET("s2")},
    {"SHOW TABLE STATUS FROM elsewhere", GET("s1")},
    {"SHOW TABLE STATUS FROM other", GET("s1")},
    {"/* waybill: shard=s2 */ SHOW TABLE STATUS", GET("s2")},
    {"SHOW TRIGGERS", "ask s3: SELECT * FROM information_schema.TRIGGERS WHERE "
                      "(EVENT_OBJECT_SCHEMA = _utf8'shop' AND EVENT_OBJECT_TABLE IN "
                      "(_utf8'flags')) | s1 replica: with what the shards answered in it | merge: none"},
    {"SHOW EVENTS FROM shop", "s1 primary: as it came | merge: none"},
    {"SHOW CREATE EVENT e", "s1 primary: as it came | merge: none"},
    {"SELECT status FROM information_schema.events WHERE event_name IN (SELECT 'e')",
     "s1 primary: as it came | merge: none"},
    {"SHOW CREATE TRIGGER x", "ask s3: SELECT * FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA "
     "= _utf8'shop' AND TRIGGER_NAME = _utf8'x' | s1 replica: as it came; or to the one that has it "
     "| merge: none"},
    {"SHOW OPEN TABLES", "9001 SHOW OPEN TABLES would show those of one shard only"},
    {"/* waybill: shard=s3 */ SHOW TRIGGERS", GET("s3")},
    {"FROBNICATE orders", "1064 can't read this statement near 'FROBNICATE orders', and"},
    {"FROBNICATE orders /* waybill: shard=s3 */", ON("s3")},
    {"/* waybill: shard=s3 */ SELECT * FROM orders WHERE", ON("s3")},
    {"SHOW CREATE TABLE flags", GET("s3")},
    {"SHOW CREATE TABLE orders", GET("s1")},
    {"SHOW COLUMNS FROM stock", GET("s1")},
    {"DESCRIBE flags", GET("s3")},
    {"EXPLAIN SELECT * FROM orders WHERE buyer_id = {b4}", GET("s4")},
    {"EXPLAIN SELECT * FROM orders",
     "s1 replica: as it came | s2 replica: as it came | s3 replica: as it came | s4 replica: as it "
     "came | merge: rows, shard after shard, with its name"},
    {"EXPLAIN FORMAT=JSON SELECT id FROM orders WHERE buyer_id IN ({b1}, {b3}) ORDER BY total "
     "LIMIT 5, 2",
     "s1 replica: EXPLAIN FORMAT=JSON SELECT id, total AS `_waybill_1`, COLLATION(total) AS "
     "`waybill collation 0` FROM orders WHERE buyer_id IN ({b1}, {b3}) ORDER BY total LIMIT 0, 7 | "
     "s3 replica: EXPLAIN FORMAT=JSON SELECT id, total AS `_waybill_1`, COLLATION(total) AS "
     "`waybill collation 0` FROM orders WHERE buyer_id IN ({b1}, {b3}) ORDER BY total LIMIT 0, 7 | "
     "merge: rows, shard after shard, with its name"},
    {"EXPLAIN UPDATE orders SET a = 1", "9001 EXPLAIN of a write for 4 shards"},
    {"EXPLAIN UPDATE orders SET a = 1 WHERE id = {i4}", ON("s4")},
    {"EXPLAIN INSERT INTO orders (buyer_id) VALUES ({b4})", ON("s4")},
    {"CALL p(1)", "9001 waybill can't see which tables a procedure uses"},
    {"/* waybill: shard=s2 */ CALL p(1)", ON("s2")},
    {"DO SLEEP(1)", GET("s1")},
    {"SET @x = 1", GET("s1")},
    {"SET @x = (SELECT MAX(a) FROM flags)", GET("s3")},
    {"SET @x = (SELECT MAX(a) FROM orders)", "9001 must stay on one shard"},
    {"BEGIN", GET("s1")},
    {"LOCK TABLES orders WRITE",
     "s1 primary: LOCK TABLES orders WRITE | s2 primary: LOCK TABLES orders WRITE | s3 primary: "
     "LOCK TABLES orders WRITE | s4 primary: LOCK TABLES orders WRITE | merge: first"},
    {"LOCK TABLES flags AS `a``b` READ /*!32311 LOCAL */, shop.notes LOW_PRIORITY WRITE WAIT 5",
     "s1 primary: LOCK TABLES shop.notes WRITE WAIT 5 | s3 primary: LOCK TABLES flags AS `a``b` "
     "READ LOCAL WAIT 5 | merge: first"},
    {"LOCK TABLES countries READ, flags WRITE NOWAIT",
     "s1 primary: LOCK TABLES countries READ NOWAIT | s2 primary: LOCK TABLES countries READ "
     "NOWAIT | s3 primary: LOCK TABLES countries READ, flags WRITE NOWAIT | s4 primary: LOCK "
     "TABLES countries READ NOWAIT | merge: first"},
    {"LOCK TABLES flags WRITE", "s3 primary: as it came | merge: none"},
    {"ANALYZE TABLE orders", ALL("union")},
    {"ANALYZE TABLE flags", ON("s3")},
    {"CHECKSUM TABLE orders", ALL("group; 2 add modulo 2^32")},
    {"CHECKSUM TABLE orders, users", "9001 CHECKSUM TABLE adds up what the shards answer for one"},
    {"CHECK TABLE orders, users", ALL("union")},
    {"CHECKSUM TABLE flags", ON("s3")},
    {"FLUSH STATUS", "9001 Accounts and administration belong to each server"},
    {"/* waybill: shard=s2 */ FLUSH STATUS", ON("s2")},
    {"LOAD DATA INFILE 'x' INTO TABLE orders", "9002 LOAD DATA INFILE reads a file of one server, and table shop.orders"},
    {"LOAD DATA INFILE 'x' INTO TABLE countries", "9002 LOAD DATA INFILE reads a file of one server"},
    {"LOAD DATA LOCAL INFILE 'x' INTO TABLE flags", ON("s3")},
    {"LOAD DATA LOCAL INFILE 'x' INTO TABLE countries", "9002 LOAD writes a reference table"},
    {"LOAD DATA INFILE 'x' INTO TABLE flags", ON("s3")},
    {"HANDLER flags OPEN", "s3 primary: as it came | merge: none"},
    {"HANDLER orders OPEN", "9001 HANDLER must stay on one shard"},
    {"PREPARE s FROM 'SELECT * FROM orders'", "9001 PREPARE and EXECUTE as SQL text go where"},
    {"EXECUTE s USING @x", "9001 PREPARE and EXECUTE as SQL text go where"},
    {"FROBNICATE orders", "1064 FROBNICATE"},
};

static const struct route_case hint_cases[] = {
    {"/* waybill: shard=s3 */ SELECT DISTINCT a FROM orders", GET("s3")},
    {"/* waybill: shard=s3, primary */ SELECT DISTINCT a FROM orders", "s3 primary: as it came | merge: none"},
    {"/* waybill: primary */ SELECT * FROM orders WHERE buyer_id = {b2}", "s2 primary: as it came | merge: none"},
    {"/* waybill: shard=s9 */ SELECT 1", "1105 shard 's9', which is not in the configuration"},
    {"/* waybill: fast */ SELECT 1", "1105 The words are: shard=NAME, primary"},
    {"/* waybill: shard=s2 */ INSERT INTO carts (buyer_id) VALUES ({b2})", ON("s2")},
    {"/* waybill: shard=s3 */ INSERT INTO carts (buyer_id) VALUES ({b2})", "9003 The hint names shard s3"},
    {"/* waybill: shard=s3 */ UPDATE orders SET a = 1 ORDER BY a LIMIT 1", ON("s3")},
    {"/* waybill: shard=s3 */ UPDATE orders SET buyer_id = 1", "9003 may not change"},
    {"/* waybill: shard=s3 */ DROP TABLE orders", ON("s3")},
    {"/* waybill: shard=s3 */ FROBNICATE orders", ON("s3")},
};
// clang-format on

static const struct table_columns *known_columns; // of the target; NULL: not asked for yet

static void run_cases(const struct route_case *cases, size_t count, enum distributed distributed)
{
    struct fixture fixture;
    fixture_init_with(&fixture,
                      fixture_read(fixture_servers, fixture_bucket_tables, fixture_other_tables));
    for (size_t i = 0; i < count; i++) {
        fixture_reset(&fixture);
        fixture.request.columns = known_columns;
        fixture.request.distributed = distributed;
        fixture_expect(&fixture, cases[i].sql, cases[i].expected);
    }
    fixture_done(&fixture);
}

#define RUN(cases, distributed) run_cases(cases, sizeof(cases) / sizeof(cases)[0], distributed)

static void insert(void **state)
{
    (void)state;
    RUN(insert_cases, DISTRIBUTED_REFUSE);
}

static void insert_with_ids(void **state)
{
    (void)state;
    RUN(id_cases, DISTRIBUTED_REFUSE);
}

static void update_and_delete(void **state)
{
    (void)state;
    RUN(change_cases, DISTRIBUTED_REFUSE);
}

static void best_effort(void **state)
{
    (void)state;
    RUN(effort_cases, DISTRIBUTED_BEST_EFFORT);
}

static void ddl(void **state)
{
    (void)state;
    RUN(ddl_cases, DISTRIBUTED_REFUSE);
}

static void all_the_rest(void **state)
{
    (void)state;
    RUN(other_cases, DISTRIBUTED_REFUSE);
}

static void hints(void **state)
{
    (void)state;
    RUN(hint_cases, DISTRIBUTED_REFUSE);
}

// INSERT ... SELECT, once the columns of the target are known.
// clang-format off
static const struct route_case select_cases[] = {
    {"INSERT INTO carts (a, buyer_id) SELECT a, {b3} FROM orders WHERE buyer_id = {b2}", SELECTED("s1")},
    {"INSERT INTO carts (a, buyer_id) SELECT a, buyer_id FROM orders WHERE buyer_id = {b2}", ON("s2")},
    {"INSERT INTO orders (buyer_id, a) SELECT buyer_id, a FROM carts", SELECTED("s1")},
    {"INSERT INTO flags (a) SELECT a FROM orders", SELECTED("s3")},
    {"INSERT INTO countries (a) SELECT a FROM orders", SELECTED("s1")},
    {"INSERT INTO carts (a, buyer_id) SELECT b, a FROM orders RETURNING a", "9002 doesn't do with RETURNING"},
    {"INSERT INTO carts (a, buyer_id) SELECT b, a FROM orders UNION SELECT 1, 2", "9002 UNION, WITH"},
    {"INSERT INTO carts (a, buyer_id) SELECT @x := b, a FROM orders", "9002 user variables"},
    {"EXPLAIN INSERT INTO carts (a, buyer_id) SELECT b, a FROM orders", "9001 runs as several ones"},
    {"INSERT INTO carts SELECT * FROM orders", "9003 name the columns"}, // the account doesn't see all
};
// clang-format on

static void insert_select(void **state)
{
    (void)state;
    static const struct table_columns columns = {.may_lack_some = true};
    known_columns = &columns;
    RUN(select_cases, DISTRIBUTED_REFUSE);
    known_columns = NULL;
}

#define ASKED_ON(shard)                                                                            \
    "first a server is asked for the values of expressions that place rows, or that only it "      \
    "knows | " shard " write: as it came | merge: none"

// `seq` is not declared and on s1; `flags` is on s3 and stands for a sequence, too.
// clang-format off
static const struct route_case sequence_cases[] = {
    {"SELECT NEXTVAL(seq)", ON("s1")},
    {"SELECT NEXT VALUE FOR flags, NOW()", ON("s3")},
    {"DO SETVAL(flags, 5)", ON("s3")},
    {"SELECT NEXTVAL(seq), NEXTVAL(flags)", "9001 sequences of several shards"},
    {"CREATE TABLE orders (buyer_id BIGINT, id BIGINT, a INT DEFAULT (1 + NEXTVAL(seq)))",
     "9001 A DEFAULT of sequence seq would do on shard s1 only"},
    {"ALTER TABLE countries ADD a INT NOT NULL DEFAULT NEXT VALUE FOR shop.seq",
     "9001 A DEFAULT of sequence seq would do on shard s1 only"},
    {"ALTER TABLE flags ALTER a SET DEFAULT NEXTVAL(seq)", "9001 A DEFAULT of sequence seq"},
    {"ALTER TABLE flags ALTER a SET DEFAULT (NEXTVAL(flags) + 1), ADD b INT", ON("s3")},
    {"CREATE TABLE notes (a INT DEFAULT (CONCAT('nextval(', 'x)')), nextval INT COMMENT "
     "'NEXTVAL(flags)')", ON("s1")},
    {"SELECT NEXTVAL(countries)", "9002 has to live on one shard"},
    {"SELECT LASTVAL(seq)", "9001 what one connection to the server had last"},
    {"SELECT NEXTVAL(seq), a FROM carts WHERE buyer_id = {b1}", ON("s1")},
    {"SELECT NEXTVAL(seq), a FROM carts WHERE buyer_id = {b2}", "9002 lives on shard s1"},
    {"INSERT INTO carts (buyer_id, a) VALUES ({b2}, NEXTVAL(seq))", ASKED_ON("s1")},
    {"INSERT INTO carts (buyer_id, a) VALUES ({b2}, NEXTVAL(flags))", ASKED_ON("s3")},
    {"INSERT INTO carts (buyer_id, a) VALUES ({b1}, NEXTVAL(seq)), ({b2}, 1 + NEXTVAL(seq))", ASKED_ON("s1")},
    {"INSERT INTO carts (buyer_id, a) VALUES (NEXTVAL(seq), 1)", ASKED_ON("s1")},
    {"INSERT INTO countries VALUES (NEXTVAL(seq))", ASKED_ON("s1")},
    {"INSERT INTO flags VALUES (NEXTVAL(seq))", ASKED_ON("s1")},
    {"INSERT INTO flags VALUES (NEXTVAL(flags))", ON("s3")},
    {"INSERT INTO notes VALUES (NEXTVAL(seq))", ON("s1")},
    {"INSERT INTO carts (buyer_id, a) VALUES ({b2}, NEXTVAL(seq)) ON DUPLICATE KEY UPDATE a = NEXTVAL(seq)", "9002 lives on shard s1"},
    {"INSERT INTO carts (buyer_id, a) VALUES ({b2}, SETVAL(seq, 5))", "9002 lives on shard s1"},
    {"UPDATE carts SET a = NEXTVAL(seq) WHERE buyer_id = {b2}", "9002 lives on shard s1"},
    {"UPDATE carts SET a = NEXTVAL(seq) WHERE buyer_id = {b1}", ON("s1")},
    {"SELECT NEXTVAL(flags) /* waybill: shard=s2 */", ON("s2")},
};
// clang-format on

static void sequences(void **state)
{
    (void)state;
    RUN(sequence_cases, DISTRIBUTED_ATOMIC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(insert),
        cmocka_unit_test(insert_with_ids),
        cmocka_unit_test(update_and_delete),
        cmocka_unit_test(best_effort),
        cmocka_unit_test(ddl),
        cmocka_unit_test(all_the_rest),
        cmocka_unit_test(hints),
        cmocka_unit_test(insert_select),
        cmocka_unit_test(sequences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
