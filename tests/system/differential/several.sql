SELECT 1; SELECT 2;
SELECT name FROM users WHERE buyer_id = 3; SELECT name FROM users WHERE buyer_id = 4; SELECT name FROM users WHERE buyer_id = 5;
SELECT buyer_id FROM users ORDER BY buyer_id LIMIT 3; SELECT COUNT(*) FROM users; SELECT 7;
UPDATE users SET age = 70 WHERE buyer_id = 3; SELECT ROW_COUNT(); SELECT age FROM users WHERE buyer_id = 3;
UPDATE users SET age = age + 1 WHERE buyer_id = 4; SELECT ROW_COUNT(); SHOW WARNINGS;
BEGIN; UPDATE users SET age = 71 WHERE buyer_id = 3; SELECT age FROM users WHERE buyer_id = 3; ROLLBACK; SELECT age FROM users WHERE buyer_id = 3;
BEGIN; INSERT INTO inventory VALUES (77, 7); COMMIT; SELECT stock FROM inventory WHERE product_id = 77; DELETE FROM inventory WHERE product_id = 77;
BEGIN; SET @inside = 1; SELECT @inside; USE shop; COMMIT;
SET autocommit = 0; SELECT age FROM users WHERE buyer_id = 3; SET @x = 3; COMMIT; SET autocommit = 1; SELECT 1;
START TRANSACTION; SAVEPOINT a; UPDATE users SET age = 72 WHERE buyer_id = 5; ROLLBACK TO a; COMMIT; SELECT age FROM users WHERE buyer_id = 5;
SET @x = 1, @y = 'two'; SELECT @x, @y; SET @x = 3; SELECT @x;
SET sql_mode = 'ANSI_QUOTES'; SELECT "name" FROM "users" WHERE "buyer_id" = 3; SET sql_mode = DEFAULT; SELECT "name";
SET NAMES latin1; SELECT @@character_set_client; SET NAMES utf8mb4; SELECT @@character_set_client;
USE information_schema; SELECT DATABASE(); USE shop; SELECT DATABASE();
SELECT CAST('abc' AS SIGNED); SHOW WARNINGS; SELECT @@warning_count; SELECT 1;
SELECT SQL_CALC_FOUND_ROWS product_id FROM products ORDER BY product_id LIMIT 2; SELECT FOUND_ROWS(); SELECT 1;
INSERT INTO counted (n) VALUES (901); SELECT LAST_INSERT_ID() > 0; SELECT n FROM counted WHERE id = LAST_INSERT_ID(); DELETE FROM counted WHERE n = 901;
SELECT 1; SELECT nothing FROM users WHERE buyer_id = 3; SELECT 2;
UPDATE users SET age = 73 WHERE buyer_id = 3; INSERT INTO users (buyer_id, name) VALUES (3, 'again'); UPDATE users SET age = 74 WHERE buyer_id = 3;
SELECT age FROM users WHERE buyer_id = 3; SHOW WARNINGS;
SELECT 1; SELECT FROM;
SELECT 1; -- what follows is a comment
SELECT 1; /* and another */;
SELECT 1; # one more
-- only a comment
/* only a comment */;
SELECT 1;; ;;
SELECT 1;; SELECT 2;
; SELECT 1;
CREATE TABLE IF NOT EXISTS several (a INT PRIMARY KEY); INSERT INTO several VALUES (1), (2); SELECT * FROM several ORDER BY a; DROP TABLE several;
SELECT ';' AS semicolon; SELECT 'a;b', "c;d" AS `e;f`; SELECT /* ; */ 1;
SHOW TABLES LIKE 'use%'; SHOW COLUMNS FROM users LIKE 'age'; DESCRIBE users name;
DO 0; SELECT ROW_COUNT(); SELECT CONNECTION_ID() IS NULL; SELECT 1;
SELECT 1; SELECT ROW_COUNT(); SELECT ROW_COUNT(); SELECT ROW_COUNT(); SELECT 1;
BEGIN; SELECT nothing FROM users WHERE buyer_id = 3; COMMIT;
SELECT 1; COMMIT; SELECT 2;
