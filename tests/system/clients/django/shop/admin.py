from django.contrib import admin

from shop.models import Order, Product, User

admin.site.register(User, search_fields=["name"])
admin.site.register(Product)


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    list_display = ["user", "product", "amount", "created_at"]
    list_filter = ["product"]
    date_hierarchy = None
