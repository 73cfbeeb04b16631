#!/usr/bin/python3
"""SQLAlchemy's inspector over tables that are sharded, on every shard, and on shards of their own."""

import os

import sqlalchemy as sa

engine = sa.create_engine("mysql+mysqldb://{DB_USER}:{DB_PASSWORD}@127.0.0.1:{DB_PORT}/{DB_NAME}?charset=utf8mb4".format(**os.environ))
TABLES = """CREATE TABLE orders (order_id BIGINT PRIMARY KEY, buyer_id BIGINT NOT NULL, total DECIMAL(10,2), note VARCHAR(40) COMMENT 'ž', KEY (buyer_id)) COMMENT 'of buyers'
CREATE TABLE goods (id BIGINT PRIMARY KEY, name VARCHAR(100) NOT NULL UNIQUE)
CREATE TABLE legacy (id INT AUTO_INCREMENT PRIMARY KEY, name CHAR(5), CONSTRAINT short CHECK (name <> 'x')) COMMENT 'old'
CREATE TABLE legacy_part (id INT PRIMARY KEY, legacy_id INT NOT NULL, CONSTRAINT of_legacy FOREIGN KEY (legacy_id) REFERENCES legacy (id))"""
NAMES = ("legacy_part", "legacy", "orders", "goods")

with engine.connect() as connection:
    for name in NAMES:
        connection.execute(sa.text(f"DROP TABLE IF EXISTS {name}"))
    for sql in TABLES.splitlines():
        connection.execute(sa.text(sql))
    inspector = sa.inspect(connection)
    print(sorted(name for name in inspector.get_table_names() if name in NAMES), inspector.has_table("legacy"), inspector.has_table("no_such"))
    for name in NAMES:
        for column in inspector.get_columns(name):
            print(name, sorted((key, str(value)) for key, value in column.items()))
        for ask in (inspector.get_pk_constraint, inspector.get_foreign_keys, inspector.get_indexes, inspector.get_unique_constraints,
                    inspector.get_check_constraints, inspector.get_table_comment, inspector.get_table_options):
            print(name, ask.__name__, ask(name))
    told = sa.MetaData()
    told.reflect(bind=connection, only=list(NAMES))
    print([table.name for table in told.sorted_tables])
    for name in NAMES:
        connection.execute(sa.text(f"DROP TABLE {name}"))
