-- The demo's order schema. users, orders, order_items and payments are sharded by buyer (the last two by the bucket
-- that their order_id carries), products is a reference table, inventory is unsharded.
CREATE TABLE users (
    buyer_id BIGINT NOT NULL PRIMARY KEY,
    name VARCHAR(64) NOT NULL,
    email VARCHAR(128) NOT NULL,
    created_at DATETIME(6) NOT NULL
);
CREATE TABLE orders (
    order_id BIGINT NOT NULL PRIMARY KEY,
    buyer_id BIGINT NOT NULL,
    seller_id INT NOT NULL,
    status VARCHAR(16) NOT NULL,
    total DECIMAL(12, 2) NOT NULL,
    created_at DATETIME(6) NOT NULL,
    KEY by_buyer (buyer_id, created_at),
    KEY by_seller (seller_id)
);
CREATE TABLE order_items (
    order_id BIGINT NOT NULL,
    item_no INT NOT NULL,
    product_id INT NOT NULL,
    quantity INT NOT NULL,
    price DECIMAL(10, 2) NOT NULL,
    PRIMARY KEY (order_id, item_no)
);
CREATE TABLE payments (
    order_id BIGINT NOT NULL,
    payment_no INT NOT NULL,
    amount DECIMAL(12, 2) NOT NULL,
    method VARCHAR(16) NOT NULL,
    PRIMARY KEY (order_id, payment_no)
);
CREATE TABLE products (
    product_id INT NOT NULL PRIMARY KEY,
    name VARCHAR(64) NOT NULL,
    price DECIMAL(10, 2) NOT NULL
);
CREATE TABLE inventory (
    product_id INT NOT NULL PRIMARY KEY,
    stock INT NOT NULL
);
