"""KILL with an id that another waybill gave out, in front of MySQL 5.6."""

from test_kill_elsewhere import test_many_at_once, test_one_that_does_not_answer, test_whose_it_is  # noqa: F401

CLUSTER = {"shards": 1, "flavor": "mysql56", "settings": "proxy_id = 5\n"}
