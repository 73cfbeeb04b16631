SELECT 1;
SELECT 1 AS one, 'x' AS x, NULL AS nothing, 1.5, 1e3;
SELECT VERSION() IS NOT NULL;
SELECT * FROM users WHERE buyer_id = 7;
SELECT * FROM users WHERE buyer_id = '7';
SELECT * FROM users WHERE 7 = buyer_id;
SELECT * FROM users WHERE buyer_id = 07;
SELECT name, age FROM users u WHERE u.buyer_id = 11 AND age > 3;
SELECT users.name FROM shop.users WHERE shop.users.buyer_id = 3;
SELECT * FROM users WHERE (buyer_id, name) = (5, 'user 5');
SELECT * FROM users WHERE buyer_id <=> 9;
SELECT * FROM users WHERE buyer_id = 1 AND buyer_id = 2;
SELECT * FROM users WHERE buyer_id = -5;
SELECT * FROM users WHERE buyer_id IS NULL;
SELECT * FROM users WHERE buyer_id = NULL;
-- unordered
SELECT * FROM users;
-- unordered
SELECT buyer_id, name FROM users WHERE buyer_id IN (1, 2, 3, 40, 50);
-- unordered
SELECT buyer_id FROM users WHERE buyer_id = 4 OR buyer_id = 44 OR name = 'user 17';
-- unordered
SELECT buyer_id FROM users WHERE buyer_id BETWEEN 10 AND 20;
-- unordered
SELECT buyer_id FROM users WHERE NOT buyer_id = 3 AND buyer_id < 9;
-- unordered
SELECT buyer_id FROM users WHERE buyer_id = 5.0;
-- unordered
SELECT buyer_id FROM users WHERE buyer_id = '5.0';
-- unordered
SELECT buyer_id FROM users WHERE buyer_id = 5e0;
-- unordered
SELECT buyer_id FROM users WHERE buyer_id = 0x05;
SELECT COUNT(*) FROM users;
SELECT COUNT(*) AS how_many FROM users WHERE age > 20;
SELECT COUNT(*), COUNT(age) FROM users;
SELECT COUNT(*) FROM users WHERE buyer_id = 5;
SELECT COUNT(*) FROM users WHERE buyer_id IN (5, 6, 7, 8, 9);
SELECT COUNT(*) FROM users WHERE 1 = 0;
SELECT buyer_id FROM users ORDER BY buyer_id;
SELECT buyer_id FROM users ORDER BY buyer_id DESC LIMIT 7;
SELECT buyer_id FROM users ORDER BY buyer_id LIMIT 5 OFFSET 10;
SELECT buyer_id FROM users ORDER BY buyer_id LIMIT 10, 5;
SELECT buyer_id FROM users ORDER BY buyer_id LIMIT 0;
SELECT buyer_id FROM users ORDER BY buyer_id LIMIT 1000 OFFSET 55;
SELECT buyer_id, age FROM users ORDER BY age, buyer_id DESC;
SELECT name FROM users ORDER BY age DESC, buyer_id LIMIT 9;
SELECT * FROM users ORDER BY name LIMIT 12;
SELECT * FROM users ORDER BY joined, buyer_id LIMIT 12;
SELECT buyer_id AS b, balance AS money FROM users ORDER BY money DESC, b LIMIT 10;
SELECT u.buyer_id, u.name FROM users AS u ORDER BY u.name DESC LIMIT 3;
SELECT name, buyer_id FROM users ORDER BY 2 DESC LIMIT 4;
SELECT AVG(age), SUM(balance), MAX(name) FROM users WHERE buyer_id = 8;
SELECT age, COUNT(*) FROM users WHERE buyer_id = 8 GROUP BY age;
SELECT DISTINCT age FROM users WHERE buyer_id IN (8);
SELECT u.name, a.city FROM users u JOIN addresses a ON u.buyer_id = a.buyer_id WHERE u.buyer_id = 6 ORDER BY a.no;
SELECT u.name, a.city FROM users u JOIN addresses a USING (buyer_id) WHERE u.buyer_id = 6 ORDER BY a.no;
SELECT u.name, a.city FROM users u, addresses a WHERE u.buyer_id = a.buyer_id AND a.buyer_id = 6 ORDER BY a.no;
SELECT u.name, a.city FROM users u LEFT JOIN addresses a ON u.buyer_id = a.buyer_id WHERE u.buyer_id = 61;
-- unordered
SELECT u.name, a.city FROM users u JOIN addresses a ON u.buyer_id = a.buyer_id;
-- unordered
SELECT u.name, a.city FROM users u LEFT JOIN addresses a ON u.buyer_id = a.buyer_id;
SELECT u.buyer_id, a.no, a.city FROM users u LEFT JOIN addresses a ON u.buyer_id = a.buyer_id ORDER BY u.buyer_id, a.no LIMIT 30;
SELECT p.name FROM products p ORDER BY p.product_id;
SELECT COUNT(*) FROM products;
SELECT MAX(price), MIN(name) FROM products;
SELECT u.name, p.name FROM users u JOIN products p ON p.product_id = u.age WHERE u.buyer_id = 12;
-- unordered
SELECT u.buyer_id, p.name FROM users u JOIN products p ON p.product_id = u.age;
SELECT * FROM inventory ORDER BY product_id;
SELECT SUM(stock), COUNT(DISTINCT stock) FROM inventory;
SELECT * FROM users WHERE buyer_id = 9 AND EXISTS (SELECT 1 FROM addresses WHERE addresses.buyer_id = users.buyer_id);
SELECT * FROM users WHERE buyer_id = 9 AND age IN (SELECT product_id FROM products);
SELECT (SELECT COUNT(*) FROM addresses WHERE buyer_id = 4), name FROM users WHERE buyer_id = 4;
SELECT name FROM users WHERE buyer_id = 4 UNION SELECT city FROM addresses WHERE buyer_id = 4 ORDER BY 1;
WITH w AS (SELECT * FROM users WHERE buyer_id = 15) SELECT name FROM w;
SELECT * FROM (SELECT buyer_id, name FROM users WHERE buyer_id = 21) AS d;
SELECT name FROM users WHERE buyer_id = 3 FOR UPDATE;
SELECT name FROM users WHERE buyer_id = 3 LOCK IN SHARE MODE;
-- unordered
SELECT DISTINCT age FROM users;
SELECT age, COUNT(*) FROM users GROUP BY age ORDER BY age;
SELECT SUM(balance) FROM users;
SELECT a.name, b.name FROM users a JOIN users b ON a.age = b.age WHERE a.buyer_id = 1 ORDER BY a.buyer_id, b.buyer_id;
SELECT buyer_id FROM users WHERE age > (SELECT AVG(age) FROM users) ORDER BY buyer_id;
SELECT name FROM users UNION SELECT city FROM addresses ORDER BY 1;
SELECT buyer_id, ROW_NUMBER() OVER (ORDER BY buyer_id) AS r FROM users ORDER BY buyer_id;
SELECT buyer_id FROM users ORDER BY age + buyer_id, buyer_id;
-- unordered
SELECT * FROM by_range WHERE id BETWEEN 90 AND 110;
-- unordered
SELECT * FROM by_range WHERE id < 105 AND id >= 98;
-- unordered
SELECT * FROM by_range WHERE id > 295;
SELECT * FROM by_range WHERE id = 150;
SELECT * FROM by_country WHERE country = 'CN' ORDER BY id;
SELECT * FROM by_country WHERE country IN ('de', 'fr') ORDER BY id, country;
-- unordered
SELECT * FROM by_country WHERE country IN ('de', 'us', 'ar');
SELECT * FROM by_modulo WHERE id = 6;
-- unordered
SELECT * FROM by_modulo WHERE id IN (1, 2, 3);
SELECT * FROM by_day WHERE day = '2026-05-05';
-- unordered
SELECT * FROM by_day WHERE day BETWEEN '2026-03-30' AND '2026-04-02';
-- unordered
SELECT * FROM by_day WHERE day >= '2026-06-30' AND day < '2026-07-02';
SELECT * FROM by_name WHERE name = 'anna';
SELECT * FROM by_name WHERE name = 'ANNA';
SELECT * FROM by_name WHERE name = 'Anna  ';
-- unordered
SELECT * FROM by_name WHERE name LIKE 'a%';
-- unordered
SELECT * FROM by_name WHERE name = 'Ánna';
/*!40000 SELECT name FROM users WHERE buyer_id = 3 */;
SELECT /*!40000 name, */ age FROM users WHERE /* c */ buyer_id = 3 -- tail;
SELECT `name` FROM `shop`.`users` WHERE `buyer_id` = 3;
SELECT name FROM users WHERE buyer_id = 3 # tail;
SELECT 'it''s', 'a\'b', "dq", 'a;b';
SHOW TABLES;
SHOW COLUMNS FROM users;
DESCRIBE users;
SHOW CREATE TABLE users;
SHOW DATABASES LIKE 'sh%';
SELECT DATABASE();
SELECT @@autocommit, @@tx_isolation;
SHOW VARIABLES LIKE 'character_set_client';
