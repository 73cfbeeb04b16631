#!/usr/bin/python3
"""The shop's day: migrations, the ORM, the admin pages, Django's own test runner. Prints what a user would see."""

import os
import sys
from decimal import Decimal

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
sys.dont_write_bytecode = True

import django  # noqa: E402

django.setup()

from django.contrib.auth.models import User as Staff  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import IntegrityError, connection, transaction  # noqa: E402
from django.db.models import Count, F, Q, Sum  # noqa: E402
from django.test import Client  # noqa: E402

from shop.models import Order, Product, User  # noqa: E402


def migrations():
    call_command("migrate", verbosity=0)
    call_command("migrate", verbosity=1)
    call_command("showmigrations", "shop")
    call_command("makemigrations", "--check", "--dry-run")
    call_command("inspectdb", "shop_order", "shop_product")


def fill():
    users = [User.objects.create(name=name, email=f"{number}@example.com")
             for number, name in enumerate(("Ann", "Bjørn", "Çelik", "D’Arcy", "李雷", "🦆 Egon"))]
    tea = Product.objects.create(name="Tea 🍵", price=Decimal("3.50"), details={"leaf": "green", "tags": ["a", "ü"]})
    pot = Product.objects.create(name="Pot", price=Decimal("99999999.99"))
    for number, user in enumerate(users):
        for count in range(number + 1):
            Order.objects.create(user=user, product=pot if count % 3 == 2 else tea, amount=Decimal("1.25") * (count + 1))
    return users, tea, pot


def queries(users, tea, pot):
    ann, egon = users[0], users[5]
    print("orders", Order.objects.count(), [user.order_set.count() for user in users])
    print("pot", sorted(o.user.name for o in Order.objects.filter(product=pot).select_related("user")))
    print("dear", [str(o.amount) for o in Order.objects.filter(amount__gt=5).order_by("-amount", "user_id")[:5]])
    print("egon", egon.order_set.aggregate(total=Sum("amount"), count=Count("id")))
    print("by product", list(egon.order_set.values("product__name").annotate(n=Count("id"), s=Sum("amount")).order_by("product__name")))
    print("either", User.objects.filter(Q(name__startswith="B") | Q(name__icontains="egon")).count())
    print("json", Product.objects.filter(details__leaf="green").count(), Product.objects.get(name="Tea 🍵").details)
    print("exists", Order.objects.filter(user=ann).exists(), Order.objects.filter(user=ann, amount=0).exists())
    print("related", [(u.name, [str(o.amount) for o in u.order_set.all()])
                      for u in User.objects.prefetch_related("order_set").filter(name__in=["Ann", "Bjørn"])])
    print("first", Order.objects.earliest("created_at").user.name, Order.objects.filter(user=egon).last().amount)
    print("raw", [o.user_id == ann.pk for o in Order.objects.raw("SELECT * FROM shop_order WHERE user_id = %s", [ann.pk])])
    print("iterator", sum(1 for _ in Order.objects.iterator(chunk_size=2)))


def changes(users, tea, pot):
    ann, bjorn = users[0], users[1]
    order = ann.order_set.get()
    order.amount = Decimal("12.34")
    order.save()
    order.refresh_from_db()
    print("saved", order.amount, order.updated_at > order.created_at)
    print("updated", bjorn.order_set.update(amount=F("amount") + 1), Order.objects.filter(pk=order.pk).update(amount=2))
    print("get_or_create", User.objects.get_or_create(email="0@example.com", defaults={"name": "x"})[1],
          User.objects.update_or_create(email="0@example.com", defaults={"name": "Anna"})[0].name)
    Order.objects.bulk_create([Order(user=bjorn, product=tea, amount=number) for number in range(3)])
    print("bulk", bjorn.order_set.count(), bjorn.order_set.filter(amount=2).delete()[0])
    try:
        User.objects.create(name="again", email="0@example.com")
    except IntegrityError as error:
        print("duplicate", error.args[0])
    try:
        Order.objects.create(user_id=ann.pk, product_id=987654, amount=1)
    except IntegrityError as error:
        print("foreign key", error.args[0])
    with transaction.atomic():
        locked = Order.objects.select_for_update().get(pk=order.pk)
        locked.amount += 1
        locked.save(update_fields=["amount"])
        try:
            with transaction.atomic():
                ann.order_set.all().delete()
                raise ValueError("changed my mind")
        except ValueError:
            pass
    print("after the savepoint", [str(o.amount) for o in ann.order_set.all()])
    try:
        with transaction.atomic():
            Order.objects.create(user=ann, product=tea, amount=5)
            raise ValueError
    except ValueError:
        print("rolled back", ann.order_set.count())
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@tx_isolation, @@autocommit, @@sql_mode")
        print("session", cursor.fetchone())
        print("tables", [t.name for t in connection.introspection.get_table_list(cursor) if t.name.startswith("shop_")])
        print("constraints", sorted(str(sorted(c["columns"])) for c in connection.introspection.get_constraints(cursor, "shop_order").values()))
    print("users deleted", users[2].delete()[1].get("shop.Order"))


def admin():
    Staff.objects.create_superuser("root", "root@example.com", "secret")
    client = Client()
    print("login", client.login(username="root", password="wrong"), client.login(username="root", password="secret"))
    for url in ("/admin/", "/admin/shop/order/", "/admin/shop/order/?o=3.1", "/admin/shop/order/add/", "/admin/shop/user/?q=bj",
                "/admin/auth/user/"):
        page = client.get(url)
        text = page.content.decode()
        print(url, page.status_code, "🦆" in text, text.count("<option"), text.count("action-checkbox\""))
    ann = User.objects.get(email="0@example.com")
    tea = Product.objects.get(name="Tea 🍵")
    page = client.post("/admin/shop/order/add/", {"user": ann.pk, "product": tea.pk, "amount": "77.70"})
    order = Order.objects.get(amount=Decimal("77.70"))
    print("add", page.status_code, order.user.name)
    one = f"/admin/shop/order/{order.pk}/"
    page = client.post(one + "change/", {"user": ann.pk, "product": tea.pk, "amount": "78.80"})
    order.refresh_from_db()
    print("change", page.status_code, order.amount)
    print("history", client.get(one + "history/").content.decode().count("Changed"))
    print("delete", client.get(one + "delete/").status_code, client.post(one + "delete/", {"post": "yes"}).status_code,
          Order.objects.filter(pk=order.pk).count())
    picked = list(ann.order_set.values_list("pk", flat=True))
    page = client.post("/admin/shop/order/", {"action": "delete_selected", "_selected_action": picked, "post": "yes"})
    print("delete selected", page.status_code, ann.order_set.count())
    client.logout()
    print("logged out", client.get("/admin/").status_code)


def test_runner():
    call_command("test", "shop", verbosity=0, interactive=False)
    print("tests passed")


def main():
    migrations()
    everything = fill()
    queries(*everything)
    changes(*everything)
    admin()
    test_runner()
    call_command("migrate", "shop", "zero", verbosity=0)


main()
