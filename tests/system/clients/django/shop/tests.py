from decimal import Decimal

from django.db import IntegrityError, transaction
from django.test import TestCase

from shop.models import Order, Product, User


class ShopTest(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.user = User.objects.create(name="Ann", email="ann@example.com")
        cls.product = Product.objects.create(name="Tea", price=Decimal("3.50"))

    def test_order(self):
        order = Order.objects.create(user=self.user, product=self.product, amount=Decimal("7.00"))
        self.assertEqual(Order.objects.get(pk=order.pk).amount, Decimal("7.00"))
        self.assertEqual(self.user.order_set.count(), 1)

    def test_rolled_back_between_tests(self):
        self.assertEqual(Order.objects.count(), 0)

    def test_duplicate(self):
        with self.assertRaises(IntegrityError), transaction.atomic():
            User.objects.create(name="Ann again", email="ann@example.com")
        self.assertEqual(User.objects.count(), 1)
