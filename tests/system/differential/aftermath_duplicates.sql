INSERT INTO users (buyer_id, name) VALUES (401, 'a'), (402, 'b') ON DUPLICATE KEY UPDATE name = 'x';
INSERT INTO users (buyer_id, name) VALUES (301, 'a'), (302, 'b'), (303, 'c'), (304, 'd'), (305, 'e');
INSERT INTO users (buyer_id, name) VALUES (301, 'a'), (302, 'b'), (303, 'c'), (304, 'd') ON DUPLICATE KEY UPDATE name = CONCAT(name, 'x');
INSERT INTO users (buyer_id, name) VALUES (301, 'a'), (302, 'b'), (303, 'c'), (404, 'd') ON DUPLICATE KEY UPDATE name = name;
INSERT INTO users (buyer_id, name) VALUES (301, 'a'), (505, 'b'), (506, 'c'), (507, 'd') ON DUPLICATE KEY UPDATE name = 'same';
