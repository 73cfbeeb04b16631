#!/usr/bin/python3
"""Django's inspectdb over tables that are sharded, on every shard, and on shards of their own."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "django"))
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

TABLES = """CREATE TABLE orders (order_id BIGINT PRIMARY KEY, buyer_id BIGINT NOT NULL, total DECIMAL(10,2), note VARCHAR(40), KEY (buyer_id))
CREATE TABLE goods (id BIGINT PRIMARY KEY, name VARCHAR(100) NOT NULL UNIQUE)
CREATE TABLE legacy (id INT AUTO_INCREMENT PRIMARY KEY, name CHAR(5), UNIQUE KEY both_of (id, name))
CREATE TABLE legacy_part (id INT PRIMARY KEY, legacy_id INT NOT NULL, CONSTRAINT of_legacy FOREIGN KEY (legacy_id) REFERENCES legacy (id))"""

with connection.cursor() as cursor:
    for table in ("legacy_part", "legacy", "orders", "goods"):
        cursor.execute(f"DROP TABLE IF EXISTS {table}")
    for sql in TABLES.splitlines():
        cursor.execute(sql)
call_command("inspectdb", "orders", "goods", "legacy", "legacy_part")
with connection.cursor() as cursor:
    for table in ("legacy_part", "legacy", "orders", "goods"):
        for name, told in sorted(connection.introspection.get_constraints(cursor, table).items()):
            print(table, name, sorted((key, str(value)) for key, value in told.items()))
        print(table, connection.introspection.get_sequences(cursor, table))
        cursor.execute(f"DROP TABLE {table}")
