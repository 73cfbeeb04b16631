// Where a SELECT goes: a table of statements with the plan of each. Read it as the manual of the
// router.

#include "tests/unit/router/route_fixture.h"

struct route_case {
    const char *sql, *expected;
};

#define ON(shard) shard " replica: as it came | merge: none"
#define ALL(merge)                                                                                 \
    "s1 replica: as it came | s2 replica: as it came | s3 replica: as it came | "                  \
    "s4 replica: as it came | merge: " merge
#define EACH(sql, merge)                                                                           \
    "s1 replica: " sql " | s2 replica: " sql " | s3 replica: " sql " | s4 replica: " sql           \
    " | merge: " merge

// The collation of a key of ORDER BY, for the merge.
#define C(key, number) ", COLLATION(" key ") AS `waybill collation " number "`"

// clang-format off
static const struct route_case key_cases[] = {
    {"SELECT * FROM orders WHERE buyer_id = {b2}", ON("s2")},
    {"SELECT * FROM orders WHERE buyer_id = '{b2}'", ON("s2")},
    {"SELECT * FROM orders WHERE buyer_id = '00{b2}'", ON("s2")},
    {"SELECT * FROM orders WHERE buyer_id = '+{b2}'", ON("s2")},
    {"SELECT * FROM orders WHERE buyer_id = 00{b2}", ON("s2")},
    {"SELECT * FROM orders WHERE {b3} = buyer_id", ON("s3")},
    {"SELECT * FROM orders WHERE BUYER_ID = {b3}", ON("s3")},
    {"SELECT * FROM shop.orders WHERE orders.buyer_id = {b3}", ON("s3")},
    {"SELECT * FROM shop.orders WHERE shop.orders.buyer_id = {b3}", ON("s3")},
    {"SELECT * FROM orders o WHERE o.buyer_id = {b3}", ON("s3")},
    {"SELECT * FROM orders AS o WHERE `o`.`buyer_id` = {b3}", ON("s3")},
    {"SELECT * FROM orders o WHERE orders.buyer_id = {b3}", ALL("rows")}, // the server's error
    {"SELECT * FROM orders WHERE buyer_id <=> {b4}", ON("s4")},
    {"SELECT * FROM orders WHERE buyer_id <=> NULL", ALL("rows")},
    {"SELECT * FROM orders WHERE buyer_id = NULL", ON("s1")},
    {"SELECT * FROM orders WHERE buyer_id IN ({b4})", ON("s4")},
    {"SELECT * FROM orders WHERE buyer_id IN ({b4}, '{c4}', NULL)", ON("s4")},
    {"SELECT * FROM orders WHERE buyer_id IN ({b1}, {b3})",
     "s1 replica: as it came | s3 replica: as it came | merge: rows"},
    {"SELECT * FROM orders WHERE buyer_id IN ({b1}, buyer_id)", ALL("rows")},
    {"SELECT * FROM orders WHERE buyer_id NOT IN ({b1})", ALL("rows")},
    {"SELECT * FROM orders WHERE NOT buyer_id = {b1}", ALL("rows")},
    {"SELECT * FROM orders WHERE buyer_id <> {b1}", ALL("rows")},
    {"SELECT * FROM orders WHERE buyer_id = {b1} XOR a = 1", ALL("rows")},
    {"SELECT * FROM orders WHERE buyer_id = {b1} AND status = 'new'", ON("s1")},
    {"SELECT * FROM orders WHERE status = 'new' AND (a = 1 OR b = 2) AND buyer_id = {b1}", ON("s1")},
    {"SELECT * FROM orders WHERE buyer_id = {b1} OR buyer_id = {b2}",
     "s1 replica: as it came | s2 replica: as it came | merge: rows"},
    {"SELECT * FROM orders WHERE buyer_id = {b1} OR status = 'new'", ALL("rows")},
    {"SELECT * FROM orders WHERE buyer_id = {b1} OR buyer_id = {c1}", ON("s1")},
    {"SELECT * FROM orders WHERE (buyer_id = {b1} OR buyer_id = {b2}) AND id = {i2}", ON("s2")},
    {"SELECT * FROM orders WHERE buyer_id = {b1} AND buyer_id = {b2}", ON("s1")},
    {"SELECT * FROM orders WHERE (buyer_id, a) = ({b2}, 5)", ON("s2")},
    {"SELECT * FROM orders WHERE (a, buyer_id) IN ((1, {b2}), (2, {c2}))", ON("s2")},
    {"SELECT * FROM orders WHERE (a, buyer_id) IN ((1, {b2}), (2, {b3}))",
     "s2 replica: as it came | s3 replica: as it came | merge: rows"},
    {"SELECT * FROM orders WHERE buyer_id = {b2} + 0", ALL("rows")},
    {"SELECT * FROM orders WHERE buyer_id + 0 = {b2}", ALL("rows")},
    {"SELECT * FROM orders WHERE buyer_id = {b2}.0", ALL("rows")},
    {"SELECT * FROM orders WHERE buyer_id = '{b2}abc'", ALL("rows")},
    {"SELECT * FROM orders WHERE buyer_id = ' {b2}'", ALL("rows")},
    {"SELECT * FROM orders WHERE buyer_id = 1e3", ALL("rows")},
    {"SELECT * FROM orders WHERE buyer_id = 0x05", ALL("rows")},
    {"SELECT * FROM orders WHERE buyer_id = TRUE", ALL("rows")},
    {"SELECT * FROM orders WHERE buyer_id = _utf8'{b2}'", ALL("rows")},
    {"SELECT * FROM orders WHERE buyer_id BETWEEN {b2} AND {b2}", ALL("rows")},
    {"SELECT * FROM orders WHERE buyer_id > {b2}", ALL("rows")},
    {"SELECT * FROM orders", ALL("rows")},
    // ids
    {"SELECT * FROM orders WHERE id = {i3}", ON("s3")},
    {"SELECT * FROM orders WHERE id = '{i3}'", ON("s3")},
    {"SELECT * FROM orders WHERE id IN ({i3}, {j3})", ON("s3")},
    {"SELECT * FROM orders WHERE id IN ({i3}, {j4})",
     "s3 replica: as it came | s4 replica: as it came | merge: rows"},
    {"SELECT * FROM orders WHERE id = -5", ON("s1")},
    {"SELECT * FROM orders WHERE id = 0", ON("s1")},
    {"SELECT * FROM orders WHERE id > {i3}", ALL("rows")},
    {"SELECT * FROM items WHERE order_id = {i4}", ON("s4")},
    // strings
    {"SELECT * FROM sessions WHERE token = '{t2}'", ON("s2")},
    {"SELECT * FROM sessions WHERE token = '{t2}   '", ON("s2")},
    {"SELECT * FROM sessions WHERE token = UPPER('{t2}')", ALL("rows")},
    {"SELECT * FROM sessions WHERE token = 5", ALL("rows")},
    {"SELECT * FROM sessions WHERE token = '\xc3\xa4'", ALL("rows")},
    {"SELECT * FROM sessions WHERE token = '{t2}' COLLATE utf8mb4_bin", ALL("rows")},
    {"SELECT * FROM sessions WHERE LOWER(token) = '{t2}'", ALL("rows")},
    {"SELECT * FROM files WHERE hash = '{t3}'", ON("s3")},
};

static const struct route_case method_cases[] = {
    {"SELECT * FROM numbers WHERE n = 5", ON("s1")},
    {"SELECT * FROM numbers WHERE n = 1999", ON("s2")},
    {"SELECT * FROM numbers WHERE n = -1", ON("s1")}, // covered by no range: nothing is there
    {"SELECT * FROM numbers WHERE n < 1000", ON("s1")},
    {"SELECT * FROM numbers WHERE n <= 1000",
     "s1 replica: as it came | s2 replica: as it came | merge: rows"},
    {"SELECT * FROM numbers WHERE n > 1999", ON("s3")},
    {"SELECT * FROM numbers WHERE n >= 1999",
     "s2 replica: as it came | s3 replica: as it came | merge: rows"},
    {"SELECT * FROM numbers WHERE 1000 <= n AND 2000 > n", ON("s2")},
    {"SELECT * FROM numbers WHERE n BETWEEN 1000 AND 1500", ON("s2")},
    {"SELECT * FROM numbers WHERE n BETWEEN '1000' AND 1999", ON("s2")},
    {"SELECT * FROM numbers WHERE n NOT BETWEEN 1000 AND 1500",
     "s1 replica: as it came | s2 replica: as it came | s3 replica: as it came | merge: rows"},
    {"SELECT * FROM numbers WHERE n BETWEEN 1500 AND 1000", ON("s2")},
    {"SELECT * FROM numbers WHERE n < 18446744073709551615",
     "s1 replica: as it came | s2 replica: as it came | s3 replica: as it came | merge: rows"},
    {"SELECT * FROM numbers WHERE n > 9223372036854775807", ON("s3")},
    {"SELECT * FROM numbers WHERE n < NULL", ON("s1")},
    {"SELECT * FROM numbers WHERE n < 10.5",
     "s1 replica: as it came | s2 replica: as it came | s3 replica: as it came | merge: rows"},
    {"SELECT * FROM logs WHERE at = '2024-03-01'", ON("s2")},
    {"SELECT * FROM logs WHERE at = DATE '2024-03-01'", ON("s2")},
    {"SELECT * FROM logs WHERE at = '2024-03-01 10:11:12.5'", ON("s2")},
    {"SELECT * FROM logs WHERE at = '2024-02-30'",
     "s1 replica: as it came | s2 replica: as it came | s3 replica: as it came | merge: rows"},
    {"SELECT * FROM logs WHERE at = 20240301",
     "s1 replica: as it came | s2 replica: as it came | s3 replica: as it came | merge: rows"},
    {"SELECT * FROM logs WHERE at >= '2024-01-01' AND at < '2024-07-01'", ON("s2")},
    {"SELECT * FROM logs WHERE at >= '2024-01-01' AND at < '2024-07-01 00:00:00'", ON("s2")},
    {"SELECT * FROM logs WHERE at >= '2024-01-01' AND at < '2024-07-01 00:00:01'",
     "s2 replica: as it came | s3 replica: as it came | merge: rows"},
    {"SELECT * FROM logs WHERE at > '2023-12-31'",
     "s1 replica: as it came | s2 replica: as it came | s3 replica: as it came | merge: rows"},
    {"SELECT * FROM logs WHERE at BETWEEN '2023-05-01' AND '2023-06-01'", ON("s1")},
    {"SELECT * FROM logs WHERE at = '2023-12-31 23:59:59.9'",
     "s1 replica: as it came | s2 replica: as it came | s3 replica: as it came | merge: rows"},
    {"SELECT * FROM regions WHERE region = 'HK '", ON("s1")},
    {"SELECT * FROM regions WHERE region IN ('us', 'de')", ON("s2")},
    {"SELECT * FROM regions", "s1 replica: as it came | s2 replica: as it came | merge: rows"},
    {"SELECT * FROM stock WHERE product_id = 4", ON("s2")},
    {"SELECT * FROM stock WHERE product_id = -1", ON("s3")},
    {"SELECT * FROM stock WHERE product_id = 18446744073709551615", ON("s1")},
};

#define ROWS(table, names)                                                                         \
    "SELECT * FROM information_schema." table                                                      \
    " WHERE (TABLE_SCHEMA = _utf8'shop' AND TABLE_NAME IN (" names "))"
#define ASK(table)                                                                                 \
    "ask s3: " ROWS(table, "_utf8'flags'") " | s1 replica: with what the shards answered in it | " \
                                           "merge: none"

static const struct route_case place_cases[] = {
    {"SELECT 1", ON("s1")},
    {"SELECT 1 FROM DUAL", ON("s1")},
    {"SELECT * FROM countries", ON("s1")},
    {"SELECT * FROM flags", ON("s3")},
    {"SELECT * FROM notes", ON("s1")},
    {"SELECT * FROM other.orders", ON("s1")},
    {"SELECT table_name FROM information_schema.tables", ASK("TABLES")},
    {"SELECT table_name FROM information_schema.tables WHERE table_schema = 'shop'", ASK("TABLES")},
    {"SELECT * FROM information_schema.tables WHERE table_name IN ('numbers', 'flags', 'orders') "
     "AND table_schema = 'shop'",
     "ask s1: " ROWS("TABLES", "_utf8'numbers',_utf8'orders'") " | "
     "ask s2: " ROWS("TABLES", "_utf8'numbers',_utf8'orders'") " | "
     "ask s3: " ROWS("TABLES", "_utf8'flags',_utf8'numbers',_utf8'orders'") " | "
     "ask s4: " ROWS("TABLES", "_utf8'orders'") " | "
     "s1 replica: with what the shards answered in it | merge: none"},
    {"SELECT table_rows FROM information_schema.tables WHERE table_name = 'countries'", ON("s1")},
    {"SELECT * FROM information_schema.innodb_sys_tables", "9001 information_schema knows the"},
    {"SELECT table_name FROM information_schema.tables JOIN orders USING (table_name)",
     "9001 Table information_schema.tables is on one shard"},
    {"SELECT * FROM information_schema.tables WHERE table_name = 'FLAGS '", ON("s3")},
    {"SELECT * FROM information_schema.tables WHERE table_name = 'flags' AND table_schema = "
     "DATABASE() AND table_rows > 3", ON("s3")},
    {"SELECT * FROM information_schema.tables WHERE table_name = 'flags' AND table_schema = 'x'",
     ON("s1")},
    {"SELECT * FROM information_schema.columns c WHERE c.table_name = 'flags'", ON("s3")},
    {"SELECT * FROM information_schema.columns WHERE table_name IN ('orders', 'notes')", ON("s1")},
    {"SELECT * FROM information_schema.columns WHERE table_name IN ('orders', 'flags')",
     ASK("COLUMNS")},
    {"SELECT * FROM information_schema.columns WHERE table_name = 'flags' OR 1", ASK("COLUMNS")},
    {"SELECT * FROM information_schema.columns WHERE table_name NOT IN ('x')", ASK("COLUMNS")},
    {"SELECT * FROM information_schema.columns WHERE table_name = 'fl\xc3\xa4gs'", ASK("COLUMNS")},
    {"SELECT * FROM information_schema.columns WHERE table_name LIKE 'f%'", ASK("COLUMNS")},
    {"SELECT * FROM information_schema.tables t JOIN information_schema.columns c ON "
     "c.table_name = t.table_name WHERE t.table_name = 'flags'", ON("s3")},
    {"SELECT t.table_name FROM information_schema.tables t LEFT JOIN information_schema.columns c "
     "ON c.table_name = t.table_name AND c.table_name = 'flags'",
     "ask s3: " ROWS("TABLES", "_utf8'flags'") " | " ASK("COLUMNS")},
    {"SELECT t.table_name FROM information_schema.tables t, information_schema.columns c WHERE "
     "t.table_name = 'flags'", "ask s3: " ROWS("TABLES", "_utf8'flags'") " | " ASK("COLUMNS")},
    {"SELECT * FROM information_schema.triggers WHERE event_object_table = 'flags'", ON("s3")},
    {"SELECT * FROM information_schema.schemata",
     "s1 replica: as it came, without waybill's own schema | merge: none"},
    {"SELECT * FROM information_schema.schemata WHERE schema_name = 'waybill'", ON("s1")},
    {"/* waybill: shard=s2 */ SELECT * FROM information_schema.schemata", ON("s2")},
    {"SELECT * FROM information_schema.collations", ON("s1")},
    {"SELECT * FROM flags WHERE x IN (SELECT table_rows FROM information_schema.tables WHERE "
     "table_name = 'flags')", ON("s3")},
    {"SELECT * FROM flags WHERE x IN (SELECT table_rows FROM information_schema.tables WHERE "
     "table_name = 'notes')", "9001 information_schema"},
    {"/* waybill: shard=s2 */ SELECT * FROM information_schema.tables", ON("s2")},
    {"SELECT * FROM flags, countries", ON("s3")},
    {"SELECT * FROM flags, notes", "9001 its tables are on different shards (s1, s3)"},
    {"SELECT * FROM orders o JOIN flags f ON f.x = o.x WHERE o.buyer_id = {b3}", ON("s3")},
    {"SELECT * FROM orders o JOIN flags f ON f.x = o.x WHERE o.buyer_id = {b2}",
     "9001 its tables are on different shards (s2, s3)"},
    {"SELECT * FROM orders o JOIN flags f ON f.x = o.x", "9001 Table shop.flags is on one shard"},
    {"SELECT * FROM orders WHERE buyer_id = {b2} FOR UPDATE",
     "s2 primary: as it came | merge: none"},
    {"SELECT * FROM orders WHERE buyer_id = {b2} LOCK IN SHARE MODE",
     "s2 primary: as it came | merge: none"},
    {"SELECT GET_LOCK('a', 1)", "s1 primary: as it came | merge: none"},
    {"SELECT my_function(buyer_id) FROM orders WHERE buyer_id = {b2}",
     "s2 write: as it came | merge: none"},
};

static const struct route_case join_cases[] = {
    {"SELECT * FROM orders o JOIN items i ON i.order_id = o.id WHERE o.buyer_id = {b2}", ON("s2")},
    {"SELECT * FROM orders o JOIN items i ON i.order_id = o.id WHERE i.order_id = {i2}", ON("s2")},
    {"SELECT * FROM orders o, items i WHERE i.order_id = o.id AND o.buyer_id = {b2}", ON("s2")},
    {"SELECT * FROM orders o JOIN items i ON i.order_id = o.id AND o.buyer_id = {b2}", ON("s2")},
    {"SELECT * FROM orders o LEFT JOIN items i ON i.order_id = o.id WHERE o.buyer_id = {b2}",
     ON("s2")},
    {"SELECT * FROM orders o LEFT JOIN items i ON i.order_id = o.id WHERE i.order_id = {i2}",
     ON("s2")},
    {"SELECT * FROM orders o LEFT JOIN items i ON i.order_id = o.id AND o.buyer_id = {b2}",
     ALL("rows")},
    {"SELECT * FROM orders o LEFT JOIN items i ON i.order_id = o.id AND i.order_id = {i2}",
     ALL("rows")},
    {"SELECT * FROM items i RIGHT JOIN orders o ON i.order_id = o.id WHERE o.buyer_id = {b2}",
     ON("s2")},
    {"SELECT * FROM items i RIGHT JOIN orders o ON i.order_id = o.id AND i.order_id = {i2}",
     ALL("rows")},
    {"SELECT * FROM orders o JOIN items i ON i.order_id = o.id", ALL("rows")},
    {"SELECT * FROM orders o JOIN items i ON (o.id, 1) = (i.order_id, 1)", ALL("rows")},
    {"SELECT * FROM orders o LEFT JOIN items i ON i.order_id = o.id", ALL("rows")},
    {"SELECT * FROM orders o JOIN countries c ON c.id = o.country", ALL("rows")},
    {"SELECT * FROM orders o LEFT JOIN countries c ON c.id = o.country", ALL("rows")},
    {"SELECT * FROM countries c LEFT JOIN orders o ON c.id = o.country",
     "9001 an outer join that keeps rows of reference tables"},
    {"SELECT * FROM orders o RIGHT JOIN countries c ON c.id = o.country",
     "9001 an outer join that keeps rows of reference tables"},
    {"SELECT * FROM countries c LEFT JOIN orders o ON c.id = o.country WHERE o.buyer_id = {b3}",
     ON("s3")},
    {"SELECT * FROM countries c RIGHT JOIN orders o ON c.id = o.country", ALL("rows")},
    {"SELECT * FROM countries c JOIN orders o ON c.id = o.country LEFT JOIN items i ON "
     "i.order_id = o.id", ALL("rows")},
    {"SELECT * FROM orders o JOIN items i ON i.product = o.product",
     "9001 Tables shop.orders and shop.items are not joined by their shard key or id"},
    {"SELECT * FROM orders o JOIN items i ON i.order_id = o.buyer_id",
     "9001 are not joined by their shard key or id"},
    {"SELECT * FROM orders o JOIN items i ON i.order_id = o.id OR i.x = 1",
     "9001 are not joined by their shard key or id"},
    // one map of buckets for all: keys of one type meet without `with`, and so do ids
    {"SELECT * FROM orders o JOIN carts c ON c.buyer_id = o.buyer_id", ALL("rows")},
    {"SELECT * FROM orders JOIN carts USING (buyer_id) WHERE buyer_id = {b3}", ON("s3")},
    {"SELECT * FROM orders o JOIN carts c ON c.buyer_id = o.buyer_id WHERE o.buyer_id = {b1}",
     ON("s1")},
    {"SELECT * FROM items i JOIN bills b ON b.order_id = i.order_id", ALL("rows")},
    {"SELECT * FROM bills b JOIN orders o ON o.id = b.order_id WHERE o.buyer_id = {b2}", ON("s2")},
    {"SELECT * FROM bills b JOIN carts c ON c.buyer_id = b.token",
     "9001 Tables shop.bills and shop.carts are not joined by their shard key or id"},
    {"SELECT * FROM sessions s JOIN files f ON f.hash = s.token", // compared in another way
     "9001 are not joined by their shard key or id"},
    {"SELECT * FROM sessions s JOIN bills b USING (token) WHERE token = 't{t2}'", ON("s2")},
    {"SELECT * FROM orders o JOIN carts c WHERE o.buyer_id = {b1} AND c.buyer_id = {c1}", ON("s1")},
    {"SELECT * FROM orders o JOIN users u ON u.user_id = o.buyer_id JOIN items i ON "
     "i.order_id = o.id WHERE u.user_id = {b4}", ON("s4")},
    {"SELECT * FROM orders o JOIN payments p USING (buyer_id) WHERE buyer_id = {b4}", ON("s4")},
    {"SELECT * FROM orders o LEFT JOIN payments p USING (buyer_id) WHERE buyer_id = {b4}", ON("s4")},
    {"SELECT * FROM orders o JOIN payments p WHERE buyer_id = {b4}", // ambiguous on the server
     "9001 are not joined"},
    {"SELECT * FROM orders o NATURAL JOIN payments p WHERE buyer_id = {b4}", "9001 are not joined"},
    {"SELECT * FROM orders JOIN countries WHERE buyer_id = {b4}", ON("s4")},
    {"SELECT * FROM countries c, orders o JOIN payments p USING (buyer_id) WHERE o.buyer_id = {b4}",
     ON("s4")},
    {"SELECT * FROM orders o, countries c JOIN payments p USING (buyer_id) WHERE o.buyer_id = {b4}",
     "9001 are not joined"},
    // a nullable table is no bridge between two others
    {"SELECT * FROM orders o JOIN items i LEFT JOIN payments p ON p.buyer_id = o.buyer_id AND "
     "p.order_id = i.order_id",
     "9001 are not joined"},
    // parentheses beside outer joins: what ON says is not used
    {"SELECT * FROM orders o LEFT JOIN (items i JOIN payments p ON p.order_id = i.order_id) ON "
     "i.order_id = o.id WHERE o.buyer_id = {b2}", "9001"},
    {"SELECT * FROM orders o JOIN (items i JOIN payments p ON p.order_id = i.order_id) ON "
     "i.order_id = o.id WHERE o.buyer_id = {b2}", ON("s2")},
    {"SELECT * FROM orders o JOIN items i ON i.order_id = o.id LEFT JOIN payments p ON "
     "p.order_id = i.order_id WHERE o.id = {i1}", ON("s1")},
    {"SELECT * FROM orders a JOIN orders b ON a.buyer_id = b.buyer_id WHERE a.id = {i1}", ON("s1")},
};

static const struct route_case inner_cases[] = {
    {"SELECT * FROM orders o WHERE buyer_id = {b2} AND EXISTS (SELECT 1 FROM items i WHERE "
     "i.order_id = o.id)", ON("s2")},
    {"SELECT * FROM orders o WHERE buyer_id = {b2} AND NOT EXISTS (SELECT 1 FROM items WHERE "
     "order_id = o.id)", ON("s2")},
    {"SELECT * FROM orders o WHERE EXISTS (SELECT 1 FROM items i WHERE i.order_id = o.id)",
     ALL("rows")},
    {"SELECT o.*, (SELECT COUNT(*) FROM items i WHERE i.order_id = o.id) FROM orders o",
     ALL("rows")},
    // what narrows the inner one says nothing of the outer one
    {"SELECT * FROM orders o WHERE NOT EXISTS (SELECT 1 FROM items i WHERE i.order_id = o.id AND "
     "i.order_id = {i2})", ALL("rows")},
    {"SELECT * FROM orders o WHERE NOT EXISTS (SELECT 1 FROM items i WHERE i.order_id = {i2})",
     "9001 The subquery on table shop.items"},
    {"SELECT * FROM orders o WHERE buyer_id = {b2} AND id IN (SELECT order_id FROM items)",
     "9001 The subquery on table shop.items"},
    {"SELECT * FROM orders WHERE buyer_id = {b2} AND id IN (SELECT order_id FROM items WHERE "
     "order_id = {i2})", ON("s2")},
    {"SELECT * FROM orders WHERE country IN (SELECT id FROM countries)", ALL("rows")},
    {"SELECT * FROM (SELECT * FROM orders WHERE buyer_id = {b2}) x", ON("s2")},
    {"SELECT * FROM (SELECT * FROM orders) x WHERE x.buyer_id = {b2}",
     "9001 The subquery on table shop.orders"},
    {"SELECT * FROM (SELECT * FROM orders WHERE buyer_id = {b2}) x JOIN orders o ON "
     "o.buyer_id = {c2}", ON("s2")},
    {"WITH orders AS (SELECT 1 AS buyer_id) SELECT * FROM orders", ON("s1")},
    {"WITH x AS (SELECT * FROM orders WHERE buyer_id = {b4}) SELECT * FROM x", ON("s4")},
    {"WITH x AS (SELECT * FROM orders) SELECT * FROM x", "9001 subquery on table shop.orders"},
    {"SELECT * FROM orders WHERE buyer_id = {b4} UNION SELECT * FROM orders WHERE id = {i4}",
     ON("s4")},
    {"SELECT * FROM orders WHERE buyer_id = {b4} UNION SELECT * FROM orders WHERE id = {i3}",
     "9001 UNION"},
    {"SELECT 1 UNION ALL SELECT id FROM orders WHERE buyer_id = {b4}", ON("s4")},
    {"(SELECT id FROM orders WHERE buyer_id = {b4}) UNION (SELECT id FROM notes)", "9001 Table notes is on one shard only"},
    {"((SELECT id FROM orders WHERE buyer_id = {b4}) UNION (SELECT id FROM carts WHERE "
     "buyer_id = {b4})) ORDER BY id LIMIT 3", ON("s4")},
    {"((SELECT id FROM orders WHERE buyer_id = {b4}) UNION (SELECT id FROM carts)) LIMIT 3",
     "9001 UNION"},
    {"SELECT (SELECT MAX(x) FROM flags)", ON("s3")},
    {"SELECT * FROM orders WHERE buyer_id = (SELECT 5)", ALL("rows")},
    {"SELECT * FROM orders o WHERE buyer_id = {b2} AND EXISTS (SELECT 1 FROM items i WHERE "
     "i.order_id = o.id AND EXISTS (SELECT 1 FROM payments p WHERE p.order_id = i.order_id))",
     ON("s2")},
    {"SELECT * FROM orders o WHERE EXISTS (SELECT 1 FROM countries WHERE buyer_id = {b2})",
     ALL("rows")},
    {"SELECT * FROM orders o WHERE o.buyer_id = {b2} AND EXISTS (SELECT 1 FROM orders o WHERE "
     "o.buyer_id = {b3})", "9001"},
};

static const struct route_case merge_cases[] = {
    {"SELECT * FROM orders LIMIT 10", ALL("rows; limit 10")},
    {"SELECT * FROM orders LIMIT 10 OFFSET 5",
     EACH("SELECT * FROM orders LIMIT 15 OFFSET 0", "rows; offset 5; limit 10")},
    {"SELECT * FROM orders LIMIT 5, 10",
     EACH("SELECT * FROM orders LIMIT 0, 15", "rows; offset 5; limit 10")},
    {"SELECT * FROM orders LIMIT 18446744073709551615 OFFSET 5",
     EACH("SELECT * FROM orders LIMIT 18446744073709551615 OFFSET 0",
          "rows; offset 5")},
    {"SELECT id, total FROM orders ORDER BY total DESC, id LIMIT 3",
     EACH("SELECT id, total" C("total", "0") C("id", "1") " FROM orders ORDER BY total DESC, id "
          "LIMIT 3", "sort by 2 desc, 1; hidden columns 2; limit 3")},
    {"SELECT id, total FROM orders ORDER BY 2",
     EACH("SELECT id, total" C("total", "0") " FROM orders ORDER BY 2",
          "sort by 2; hidden columns 1")},
    {"SELECT id, total FROM orders ORDER BY 3", "9001 position 3"},
    {"SELECT id, total AS t FROM orders ORDER BY t",
     EACH("SELECT id, total AS t" C("total", "0") " FROM orders ORDER BY t",
          "sort by 2; hidden columns 1")},
    {"SELECT id, total AS t FROM orders ORDER BY total",
     EACH("SELECT id, total AS t" C("total", "0") " FROM orders ORDER BY total",
          "sort by 2; hidden columns 1")},
    {"SELECT id, a + b AS t FROM orders ORDER BY t",
     EACH("SELECT id, a + b AS t" C("a + b", "0") " FROM orders ORDER BY t",
          "sort by 2; hidden columns 1")},
    {"SELECT id FROM orders ORDER BY NULL", ALL("rows")},
    {"SELECT id FROM orders ORDER BY total",
     EACH("SELECT id, total AS `_waybill_1`" C("total", "0") " FROM orders ORDER BY total",
          "sort by hidden 1; hidden columns 2")},
    {"SELECT * FROM orders ORDER BY total DESC, created LIMIT 2 OFFSET 3",
     EACH("SELECT *, total AS `_waybill_1`" C("total", "0") ", created AS `_waybill_2`"
          C("created", "1") " FROM orders ORDER BY total DESC, created LIMIT 5 OFFSET 0",
          "sort by hidden 1 desc, hidden 3; hidden columns 4; offset 3; limit 2")},
    {"SELECT o.id FROM orders o JOIN items i ON i.order_id = o.id ORDER BY i.pos, o.id",
     EACH("SELECT o.id, i.pos AS `_waybill_1`" C("i.pos", "0") C("o.id", "1")
          " FROM orders o JOIN items i ON i.order_id = o.id ORDER BY i.pos, o.id",
          "sort by hidden 1, 1; hidden columns 3")},
    {"SELECT orders.* FROM orders JOIN orders b ON b.id = orders.id ORDER BY total",
     EACH("SELECT orders.*, orders.total AS `_waybill_1`" C("orders.total", "0")
          " FROM orders JOIN orders b ON b.id = orders.id ORDER BY total",
          "sort by hidden 1; hidden columns 2")},
    {"SELECT i.* FROM orders o JOIN items i ON i.order_id = o.id ORDER BY order_id",
     EACH("SELECT i.*, i.order_id AS `_waybill_1`" C("i.order_id", "0")
          " FROM orders o JOIN items i ON i.order_id = o.id ORDER BY order_id",
          "sort by hidden 1; hidden columns 2")},
    {"SELECT i.* FROM orders o JOIN items i ON i.order_id = o.id ORDER BY pos",
     "9001 which column ORDER BY `pos` means"},
    {"SELECT *, total AS x FROM orders ORDER BY x", "9001 which column ORDER BY `x` means"},
    {"SELECT a AS x, b AS x FROM orders ORDER BY x", "9001 which column ORDER BY `x` means"},
    {"SELECT a AS x, x FROM orders ORDER BY x", "9001 which column ORDER BY `x` means"},
    {"SELECT * FROM orders ORDER BY 1", "9001 ORDER BY a position behind *"},
    {"SELECT id, o.* FROM orders o ORDER BY 1",
     EACH("SELECT id, o.*" C("id", "0") " FROM orders o ORDER BY 1",
          "sort by 1; hidden columns 1")},
    {"SELECT id FROM orders ORDER BY a + b",
     EACH("SELECT id, a + b AS `_waybill_1`" C("a + b", "0") " FROM orders ORDER BY a + b",
          "sort by hidden 1; hidden columns 2")},
    {"SELECT id AS a FROM orders ORDER BY -a", "9001 ORDER BY an expression with an alias"},
    {"SELECT id FROM orders ORDER BY RAND()", "9001 functions like NOW() and RAND()"},
    {"(SELECT id FROM orders) ORDER BY id", "9001 parentheses"},
    {"SELECT id FROM orders HAVING id > 5", "9001 HAVING"},
    {"SELECT id, ROW_NUMBER() OVER (ORDER BY id) FROM orders", "9001 window"},
    {"SELECT id INTO OUTFILE '/tmp/x' FROM orders", "9001 INTO"},
    {"SELECT id FROM orders FOR UPDATE", "s1 primary: as it came | s2 primary: as it came | s3 primary: as it came | s4 primary: as it came | merge: rows"},
    {"SELECT id, @x FROM orders", "9001 user variable"},
    {"SELECT id, CONNECTION_ID() FROM orders", "9001 CONNECTION_ID"},
    {"SELECT id, SLEEP(1) FROM orders", "9001 SLEEP"},
    {"SELECT my_function(id) FROM orders", "9001 stored functions"},
    {"SELECT id FROM orders /*!50000 WHERE a = 1 */ ORDER BY total", "1235 executable comments"},
    {"SELECT id FROM orders /*!50000 WHERE a = 1 */", ALL("rows")},
    {"SELECT id FROM orders WHERE created > NOW() - INTERVAL 1 DAY", ALL("rows")},
};

// What is put together of the shards' groups. M: the collation of a MIN or MAX.
#define M(expr, number) ", COLLATION(" expr ") AS `_waybill_collation_" number "`"
#define A(expr, number)                                                                            \
    ", SUM(" expr ") AS `_waybill_sum_" number "`, COUNT(" expr ") AS `_waybill_count_" number "`"
static const struct route_case group_cases[] = {
    {"SELECT COUNT(*) FROM orders", ALL("group; 1 add")},
    {"SELECT count( * ) AS n, COUNT(total) FROM orders WHERE status = 'new'",
     ALL("group; 1 add, 2 add")},
    {"SELECT COUNT(*) FROM orders LIMIT 1", ALL("group; 1 add; limit 1")},
    {"SELECT COUNT(*) FROM orders LIMIT 0", ALL("group; 1 add; limit 0")},
    {"SELECT COUNT(*) FROM orders LIMIT 2, 3",
     EACH("SELECT COUNT(*) FROM orders LIMIT 0, 5", "group; 1 add; offset 2; limit 3")},
    {"SELECT COUNT(*) FROM orders ORDER BY id", ALL("group; 1 add")},
    {"SELECT COUNT(*) FROM orders WHERE buyer_id = NULL", ON("s1")},
    {"SELECT MAX(id), COUNT(*) FROM orders",
     EACH("SELECT MAX(id), COUNT(*)" M("MAX(id)", "0") " FROM orders",
          "group; 1 max, 2 add; hidden columns 1")},
    {"SELECT SUM(total), 'x', BIT_AND(a), bit_or(a), BIT_XOR(a) FROM orders",
     ALL("group; 1 add, 3 bit and, 4 bit or, 5 bit xor")},
    {"SELECT AVG(total) AS a FROM orders",
     EACH("SELECT AVG(total) AS a" A("total", "0") " FROM orders",
          "group; 1 average of hidden 1 / hidden 2; hidden columns 2")},
    {"SELECT IFNULL(SUM(total), 0), coalesce(sum(a), 0) FROM orders", ALL("group; 1 add, 2 add")},
    {"SELECT COALESCE(SUM(total), 1) FROM orders", "9001 aggregates other than"},
    {"SELECT COUNT(*) + 1 FROM orders", "9001 aggregates other than COUNT"},
    {"SELECT COUNT(*), status FROM orders", "9001 aggregates other than COUNT"},
    {"SELECT STD(total) FROM orders", "9001 aggregates other than COUNT"},
    {"SELECT SUM(a / b) FROM orders", "9001 quotient"},
    {"SELECT AVG(x) FROM orders o JOIN (SELECT id, a / 3 AS x FROM countries) c ON c.id = o.a",
     "9001 quotient"},
    {"SELECT status, COUNT(*) FROM orders GROUP BY status",
     EACH("SELECT status, COUNT(*)" C("status", "0") " FROM orders GROUP BY status ORDER BY 1",
          "group by 1; 2 add; hidden columns 1")},
    {"SELECT COUNT(*) FROM orders o GROUP BY o.status LIMIT 3 OFFSET 1",
     EACH("SELECT COUNT(*), o.status AS `_waybill_1`" C("o.status", "0")
          " FROM orders o GROUP BY o.status ORDER BY `_waybill_1` LIMIT 4 OFFSET 0",
          "group by hidden 1; 1 add; hidden columns 2; offset 1; limit 3")},
    {"SELECT b, a, COUNT(*) FROM orders GROUP BY a, b ORDER BY b DESC",
     EACH("SELECT b, a, COUNT(*)" C("b", "0") C("a", "1")
          " FROM orders GROUP BY a, b ORDER BY b DESC, 2",
          "group by 1 desc, 2; 3 add; hidden columns 2")},
    {"SELECT DATE(created), COUNT(*) FROM orders GROUP BY date(created) ORDER BY DATE(created)",
     EACH("SELECT DATE(created), COUNT(*)" C("MIN(date(created))", "0")
          " FROM orders GROUP BY date(created) ORDER BY DATE(created)",
          "group by 1; 2 add; hidden columns 1")},
    {"SELECT DATE(created), COUNT(*) FROM orders GROUP BY 1 ORDER BY NULL",
     EACH("SELECT DATE(created), COUNT(*)" C("MIN(DATE(created))", "0")
          " FROM orders GROUP BY 1 ORDER BY NULL, 1",
          "group by 1; 2 add; hidden columns 1")},
    {"SELECT DATE(created) AS day, COUNT(*) FROM orders GROUP BY day",
     "first a server is asked for the columns of the table"},
    {"SELECT CONCAT(status, 'x') FROM orders GROUP BY CONCAT(status, 'X')",
     "9001 GROUP BY with anything else"},
    {"SELECT status, id FROM orders GROUP BY status", "9001 GROUP BY with anything else"},
    {"SELECT status, COUNT(*) AS n FROM orders GROUP BY status ORDER BY n",
     EACH("SELECT SQL_BUFFER_RESULT status, COUNT(*) AS n" C("status", "0")
          " FROM orders GROUP BY status ORDER BY 1 LIMIT 18446744073709551615",
          "group by 1; 2 add; sorted by value 2; hidden columns 1")},
    {"SELECT status, COUNT(*) FROM orders GROUP BY status HAVING COUNT(*) > 1",
     EACH("SELECT status, COUNT(*)" C("status", "0")
          " FROM orders GROUP BY status HAVING 1 ORDER BY 1 LIMIT 18446744073709551615",
          "group by 1; 2 add; having COUNT(*) > 1; hidden columns 1")},
    {"SELECT status, COUNT(*) n FROM orders GROUP BY status HAVING n BETWEEN 2 AND 5 OR "
     "MAX(total) IS NULL ORDER BY status DESC LIMIT 3 OFFSET 1",
     EACH("SELECT status, COUNT(*) n" M("MAX(total)", "0")
          ", MAX(total) AS `_waybill_having_0`" C("status", "0")
          " FROM orders GROUP BY status HAVING 1 ORDER BY status DESC LIMIT "
          "18446744073709551615 OFFSET 0",
          "group by 1 desc; 2 add; having n BETWEEN 2 AND 5 OR MAX(total) IS NULL; hidden columns "
          "3; offset 1; limit 3")},
    {"SELECT COUNT(*) FROM orders HAVING -5.5 < SUM(total) FOR UPDATE",
     "s1 primary: SELECT COUNT(*), SUM(total) AS `_waybill_having_0` FROM orders HAVING 1  LIMIT "
     "18446744073709551615 FOR UPDATE | s2 primary: SELECT COUNT(*), SUM(total) AS "
     "`_waybill_having_0` FROM orders HAVING 1  LIMIT 18446744073709551615 FOR UPDATE | s3 "
     "primary: SELECT COUNT(*), SUM(total) AS `_waybill_having_0` FROM orders HAVING 1  LIMIT "
     "18446744073709551615 FOR UPDATE | s4 primary: SELECT COUNT(*), SUM(total) AS "
     "`_waybill_having_0` FROM orders HAVING 1  LIMIT 18446744073709551615 FOR UPDATE | merge: "
     "group; 1 add; having -5.5 < SUM(total); hidden columns 1"},
    {"SELECT status FROM orders GROUP BY status HAVING status = 'new'", "9001 HAVING with"},
    {"SELECT status FROM orders GROUP BY status HAVING AVG(total) > 5", "9001 HAVING with"},
    {"SELECT status FROM orders GROUP BY status HAVING SUM(total) > 'x'", "9001 HAVING with"},
    {"SELECT b, COUNT(*) a, MAX(b) a FROM orders GROUP BY b HAVING a > 5", "9001 HAVING with"},
    {"SELECT DISTINCT a FROM orders HAVING COUNT(*) > 5", "9001 DISTINCT together"},
    {"SELECT a, COUNT(*) FROM orders GROUP BY a HAVING 1", "9001 HAVING with"},
    {"SELECT status, COUNT(*) FROM orders GROUP BY 3", "9001 position 3"},
    {"SELECT status, COUNT(*) FROM orders WHERE buyer_id = {b1} GROUP BY status", ON("s1")},
    {"SELECT o.a, COUNT(*) FROM orders o JOIN items i ON i.order_id = o.id GROUP BY a",
     "9001 GROUP BY with anything else"},
    {"SELECT DISTINCT status, a FROM orders ORDER BY a DESC LIMIT 2",
     EACH("SELECT DISTINCT status, a" C("a", "0") C("status", "1")
          " FROM orders ORDER BY a DESC, 1 LIMIT 2",
          "group by 2 desc, 1; hidden columns 2; limit 2")},
    {"SELECT DISTINCT status FROM orders ORDER BY id", "9001 DISTINCT with ORDER BY"},
    {"SELECT DISTINCT * FROM orders", "9001 DISTINCT with *"},
    {"SELECT DISTINCT COUNT(*) FROM orders", "9001 DISTINCT together with"},
};
// clang-format on

static void run_cases(const struct route_case *cases, size_t count)
{
    struct fixture fixture;
    fixture_init_with(&fixture,
                      fixture_read(fixture_servers, fixture_bucket_tables, fixture_other_tables));
    for (size_t i = 0; i < count; i++) {
        fixture_reset(&fixture);
        fixture_expect(&fixture, cases[i].sql, cases[i].expected);
    }
    fixture_done(&fixture);
}

#define RUN(cases) run_cases(cases, sizeof(cases) / sizeof(cases)[0])

static void narrowing_by_key_and_id(void **state)
{
    (void)state;
    RUN(key_cases);
}

static void every_method(void **state)
{
    (void)state;
    RUN(method_cases);
}

static void places_of_other_tables(void **state)
{
    (void)state;
    RUN(place_cases);
}

static void joins(void **state)
{
    (void)state;
    RUN(join_cases);
}

static void subqueries_and_unions(void **state)
{
    (void)state;
    RUN(inner_cases);
}

static void several_shards(void **state)
{
    (void)state;
    RUN(merge_cases);
}

static void groups_of_several_shards(void **state)
{
    (void)state;
    RUN(group_cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_of_several_shards),
        cmocka_unit_test(narrowing_by_key_and_id),
        cmocka_unit_test(every_method),
        cmocka_unit_test(places_of_other_tables),
        cmocka_unit_test(joins),
        cmocka_unit_test(subqueries_and_unions),
        cmocka_unit_test(several_shards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
