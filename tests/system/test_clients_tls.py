"""The drivers and frameworks of test_clients.py once more: over TLS, with compressed packets; nothing else gets in."""

import test_clients
from test_client_tls import configure, path_of, refusal

CLUSTER = test_clients.CLUSTER


def private(stand, test):
    configure(stand, tls="required")
    test(stand, hop={"DB_TLS_CA": path_of(stand, "ca.pem"), "NODE_NO_WARNINGS": "1"})


def test_nobody_else_gets_in(stand):
    configure(stand, tls="required")
    assert refusal(stand) == 3159


def test_django(stand):
    private(stand, test_clients.test_django)


def test_sqlalchemy(stand):
    private(stand, test_clients.test_sqlalchemy)


def test_php_pdo(stand):
    private(stand, test_clients.test_php_pdo)


def test_php_mysqli(stand):
    private(stand, test_clients.test_php_mysqli)


def test_perl_dbd_mysql(stand):
    private(stand, test_clients.test_perl_dbd_mysql)


def test_connector_c(stand):
    private(stand, test_clients.test_connector_c)


def test_node_mysql2_and_sequelize(stand):
    private(stand, test_clients.test_node_mysql2_and_sequelize)
