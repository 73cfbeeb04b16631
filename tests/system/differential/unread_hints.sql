SELECT nothing FRM users;
SHOW WARNINGS;
SHOW ERRORS;
-- refused 9001
SHOW TABLES WHERE Tables_in_shop IN (SELECT name FROM users);
/* waybill: shard=s2 */ SHOW TABLE STATUS LIKE 'inventory' WHERE;
-- refused 1064
BEGIN NOT ATOMIC SELECT COUNT(*) FROM inventory; END;
SHOW TABLES;
/* waybill: shard=s2 */ SELECT * FRM inventory;
SELECT * FRM inventory /* waybill: shard=s2 */;
SELECT name FROM users WHERE buyer_id IN (3);
/* waybill: shard=s2 */ BEGIN NOT ATOMIC SET @seen = 5; SELECT COUNT(*) FROM inventory; END;
SELECT @seen;
SHOW TABLES;
