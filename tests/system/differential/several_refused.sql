SELECT 1; SELECT 2;
UPDATE users SET age = 99 WHERE buyer_id = 3; SELECT 1;
SELECT age FROM users WHERE buyer_id = 3;
BEGIN; SELECT 2;
SELECT 1; -- a comment
SELECT 1;;;
SELECT 1; nonsense;
; SELECT 1;
SET @a = 1; SET @b = 2;
SELECT @a, @b;
