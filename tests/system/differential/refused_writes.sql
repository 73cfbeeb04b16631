-- refused 9002
UPDATE users SET age = 1;
-- refused 9002
UPDATE users SET age = 1 WHERE age = 3;
-- refused 9002
DELETE FROM users WHERE buyer_id IN (1, 2, 3, 4, 5, 6, 7, 8);
-- refused 9002
INSERT INTO users (buyer_id, name) VALUES (201, 'a'), (202, 'b'), (203, 'c'), (204, 'd'), (205, 'e'), (206, 'f');
-- refused 9002
INSERT INTO products VALUES (1000, 'everywhere', 1);
-- refused 9003
UPDATE users SET buyer_id = buyer_id + 1 WHERE buyer_id = 6;
-- refused 9003
INSERT INTO users (name) VALUES ('no key');
-- refused 9003
INSERT INTO users (buyer_id, name) VALUES (NULL, 'null key');
-- refused 9003
INSERT INTO by_country (country, id) VALUES ('xx', 1);
-- refused 9003
INSERT INTO by_name (name, n) VALUES ('Jürgen', 1);
SELECT COUNT(*) FROM users;
SELECT COUNT(*) FROM products;
-- refused 9003
INSERT INTO users VALUES ();
-- refused 9003
INSERT INTO users VALUES (NULL, 'null key', 1, 0, NULL);
-- refused 9002
INSERT INTO by_modulo VALUES (100, 1), (101, 1), (102, 1);
-- refused 1235
INSERT INTO users /*!50000 VALUES (600, 'x', 1, 0, NULL) */;
