#!/usr/bin/python3
"""SQLAlchemy on mysqlclient: schema, ORM, Core, transactions, streams, reflection."""

import datetime
import os
import sys
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.dialects.mysql import DATETIME
from sqlalchemy.orm import Session, declarative_base, relationship, selectinload

Base = declarative_base()


class Good(Base):
    __tablename__ = "goods"
    id = sa.Column(sa.BigInteger, primary_key=True, autoincrement=False)
    name = sa.Column(sa.String(100), unique=True)
    price = sa.Column(sa.Numeric(10, 2), nullable=False)


class Order(Base):
    __tablename__ = "orders"
    order_id = sa.Column(sa.BigInteger, primary_key=True)
    buyer_id = sa.Column(sa.BigInteger, nullable=False, index=True)
    good_id = sa.Column(sa.ForeignKey("goods.id"), nullable=False)
    amount = sa.Column(sa.Numeric(10, 2))
    note = sa.Column(sa.Text)
    payload = sa.Column(sa.LargeBinary)
    bought = sa.Column(DATETIME(fsp=6))
    good = relationship(Good)


def fill(engine):
    with Session(engine) as session:
        session.add_all([Good(id=1, name="tea", price=Decimal("3.50")), Good(id=2, name="crêpe 🥞", price=Decimal("0.01"))])
        session.commit()
        for buyer in range(1, 9):
            orders = [Order(buyer_id=buyer, good_id=1 + count % 2, amount=Decimal(buyer) / 4 + count, note=None if count else "ž🦆'\"\\",
                            payload=bytes(range(256)), bought=datetime.datetime(2026, 1, buyer, 3, 4, 5, 678 * count))
                      for count in range(buyer % 3 + 1)]
            session.add_all(orders)
            session.flush()
            assert all(order.order_id for order in orders)
            session.commit()


def read(engine):
    with Session(engine) as session:
        one = session.query(Order).filter_by(buyer_id=2).order_by(Order.amount).first()
        print(one.amount, one.note, one.payload == bytes(range(256)), one.bought, one.good.name)
        print(session.get(Order, one.order_id) is one, session.scalar(sa.select(sa.func.count()).select_from(Order)))
        found = session.scalars(sa.select(Order).options(selectinload(Order.good)).order_by(Order.buyer_id, Order.amount).limit(5))
        print([(o.buyer_id, str(o.amount), o.good.name) for o in found])
        print(session.execute(sa.select(Good.name, sa.func.sum(Order.amount), sa.func.count()).join(Order)
                              .where(Order.buyer_id == 5).group_by(Good.name).order_by(Good.name)).all())
        print([row[0] for row in session.execute(sa.text("SELECT note FROM orders WHERE buyer_id = :b ORDER BY amount"), {"b": 3})])
    with engine.connect() as connection:
        stream = connection.execution_options(stream_results=True).execute(sa.select(Order.buyer_id).order_by(Order.buyer_id))
        print([row[0] for row in stream.fetchmany(3)], len(stream.fetchall()))


def change(engine):
    with Session(engine) as session:
        one = session.query(Order).filter_by(buyer_id=1).order_by(Order.amount).first()
        one.amount += 1
        nested = session.begin_nested()
        session.query(Order).filter_by(buyer_id=1).delete()
        nested.rollback()
        session.commit()
        print("committed", session.get(Order, one.order_id).amount, session.query(Order).filter_by(buyer_id=1).count())
        session.delete(one)
        session.rollback()
        print("rolled back", session.query(Order).filter_by(buyer_id=1).count())
    try:
        with engine.begin() as connection:
            connection.execute(sa.insert(Good), [{"id": 3, "name": "pot", "price": 1}, {"id": 4, "name": "tea", "price": 2}])
    except sa.exc.IntegrityError as error:
        print("duplicate", error.orig.args[0])
    with engine.connect().execution_options(isolation_level="SERIALIZABLE") as connection:
        print(connection.scalar(sa.text("SELECT @@tx_isolation")), connection.get_isolation_level())
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        print(connection.execute(sa.update(Order).where(Order.buyer_id == 4).values(amount=Order.amount + 2)).rowcount)
    for statement in ("SELEC 1", "SELECT * FROM nowhere"):
        try:
            with engine.connect() as connection:
                connection.execute(sa.text(statement))
        except sa.exc.DBAPIError as error:
            print(type(error).__name__, error.orig.args[0])


def reflect(engine):
    inspector = sa.inspect(engine)
    print([name for name in sorted(inspector.get_table_names()) if name in ("goods", "orders")], inspector.has_table("orders"))
    print([(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns("orders")])
    print(inspector.get_pk_constraint("orders")["constrained_columns"], [key["referred_table"] for key in inspector.get_foreign_keys("orders")])
    print(sorted(index["column_names"] for index in inspector.get_indexes("orders")), inspector.get_unique_constraints("goods"))


def main():
    options = {"charset": "utf8mb4"}
    if "DB_TLS_CA" in os.environ:
        options.update(ssl_ca=os.environ["DB_TLS_CA"], compress="true")
    url = sa.engine.URL.create("mysql+mysqldb", os.environ["DB_USER"], os.environ["DB_PASSWORD"], "127.0.0.1",
                               int(os.environ["DB_PORT"]), os.environ["DB_NAME"], options)
    engine = sa.create_engine(url, pool_size=2, pool_pre_ping=True, future=True)
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    for step in (fill, read, change, reflect):
        step(engine)
    Base.metadata.drop_all(engine)


sys.exit(main())
