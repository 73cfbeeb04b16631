SELECT * FROM users WHERE buyer_id = 3 AND;
SELECT * FROM users WHERE (buyer_id = 3;
SELEC 1;
SELECT 'never ended FROM users;
SELECT * FRM inventory;
SELECT * FROM inventory WHERE AND stock = 3;
INSERT INTO users (buyer_id, name) VALUES (1, 'x';
UPDATE inventory stock = 3;
DELETE users WHERE;
CREATE TABLE;
SHOW;
frobnicate the users;
SELECT * FROM users WHERE buyer_id = 3 ORDER name /* comment */;
SELECT name
FROM users
WHER buyer_id = 3;
SET sql_mode = 'ANSI_QUOTES';
SELECT "name" FRM "users";
SET sql_mode = DEFAULT;
BEGIN;
UPDATE inventory SET stock = stock + 1 WHERE product_id = 3;
UPDATE inventory SET stock = stock + WHERE product_id = 3;
SELECT stock FROM inventory WHERE product_id = 3;
ROLLBACK;
SELECT stock FROM inventory WHERE product_id = 3;
