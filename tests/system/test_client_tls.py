"""TLS towards clients: who gets in, what is told, new certificates while clients are connected, and bad input."""

import os
import re
import signal
import socket
import ssl
import subprocess
import time

import wire
from stand import ROOT

CLUSTER = {"shards": 2, "replicas": 0}
STORED = "$A$005$12345678901234567890AboPQtzQ3Bn7qU0jduEzz52s0e76wszNGN3psSa7Un6"  # app_pw, as MySQL keeps it


def path_of(stand, name):
    directory = os.path.join(stand.directory, "certificates")
    if not os.path.exists(directory):
        subprocess.run([os.path.join(ROOT, "tests", "support", "certificates"), directory], check=True)
    return os.path.join(directory, name)


def setting_lines(stand, **settings):
    """By default with the server's certificate; None leaves a setting out."""
    settings = {"tls_cert": "server.pem", "tls_key": "server.key", **settings}
    is_path = re.compile(r"tls_(cert|key|ca)$").match
    return "".join(f"{key} = {path_of(stand, value) if is_path(key) else value}\n" for key, value in settings.items()
                   if value is not None)


def configure(stand, sections="", reload=True, **settings):
    text = stand.configuration(setting_lines(stand, **settings)) + sections
    with open(os.path.join(stand.directory, "waybill.ini"), "w") as configuration:
        configuration.write(text)
    if reload:
        stand.admin("RELOAD")


def trust(stand, ca="ca.pem", cert=None, newest=None, ciphers=None):
    context = ssl.create_default_context(cafile=path_of(stand, ca))
    if cert is not None:
        context.load_cert_chain(path_of(stand, cert + ".pem"), path_of(stand, cert + ".key"))
    if newest is not None:
        context.maximum_version = newest
    if ciphers is not None:
        context.set_ciphers(ciphers)
    return context


def connect(stand, user="app", password="app_pw", **more):
    return wire.Client(port=int(stand.values["WAYBILL_PORT"]), user=user, password=password, database="shop", timeout=20, **more)


def works(client):
    return client.query("SELECT 'fine'").rows == [("fine",)]


def refusal(stand, **more):
    """The number of the error that the log-in gets; 0: the connection ends without one."""
    try:
        connect(stand, **more)
    except wire.ServerError as error:
        return error.code
    except (ssl.SSLError, wire.ConnectionLost, ConnectionError):
        return 0
    raise AssertionError("it got in")


def status(client, pattern):
    return dict(client.query(f"SHOW STATUS LIKE '{pattern}'").rows)


def logged(stand, pattern):
    with open(os.path.join(stand.directory, "waybill.log"), errors="replace") as log:
        return len(re.findall(pattern, log.read()))


def user_section(name, password="app_pw", **settings):
    own = {"server_user": "app", "server_password": "app_pw", "default_schema": "shop", **settings}
    secret = "" if password is None else f"password = {password}\n"
    return f"\n[user {name}]\n{secret}" + "".join(f"{key} = {value}\n" for key, value in own.items())


# ---- who gets in

def test_offered_where_there_is_a_certificate(stand):
    for off in ({"tls_cert": None, "tls_key": None}, {"tls": "disabled"}):
        configure(stand, **off)
        client = connect(stand)
        assert not client.server_capabilities & wire.SSL and works(client)
        assert status(client, "ssl\\_%")["Ssl_cipher"] == ""
    configure(stand)
    plain, private = connect(stand), connect(stand, tls=trust(stand))
    assert plain.server_capabilities & wire.SSL and works(plain) and works(private)
    assert private.sock.version() == "TLSv1.3"


def test_versions_and_ciphers(stand):
    old = trust(stand, newest=ssl.TLSVersion.TLSv1_2)
    configure(stand)
    assert connect(stand, tls=old).sock.version() == "TLSv1.2"
    configure(stand, tls_min_version="TLSv1.3")
    assert refusal(stand, tls=old) == 0
    assert works(connect(stand, tls=trust(stand)))
    configure(stand, tls_ciphers="ECDHE-ECDSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256")
    assert connect(stand, tls=old).sock.cipher()[0] == "ECDHE-ECDSA-AES128-GCM-SHA256"
    assert connect(stand, tls=trust(stand)).sock.cipher()[0] == "TLS_AES_128_GCM_SHA256"
    assert refusal(stand, tls=trust(stand, newest=ssl.TLSVersion.TLSv1_2, ciphers="ECDHE-ECDSA-AES256-GCM-SHA384")) == 0
    oldest = trust(stand, newest=ssl.TLSVersion.TLSv1_1)
    oldest.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    assert refusal(stand, tls=oldest) == 0


def test_required(stand):
    configure(stand, tls="required")
    assert refusal(stand) == 3159
    assert refusal(stand, password="wrong") == 3159  # before anything is said about the password
    assert works(connect(stand, tls=trust(stand)))
    assert refusal(stand, tls=trust(stand), password="wrong") == 1045


def test_required_after_a_reload(stand):
    """Who is connected stays, but can't become another user."""
    configure(stand)
    client = connect(stand)
    configure(stand, tls="required")
    assert works(client)
    change = b"app\0" + wire.lenenc_bytes(wire.native_answer("app_pw", client.nonce)) + b"shop\0" + b"\x2d\0" + b"mysql_native_password\0"
    try:
        client.command(wire.COM_CHANGE_USER, change)
    except wire.ServerError as error:
        assert error.code == 3159
    else:
        raise AssertionError("it became another user")


def test_certificates_of_clients(stand):
    configure(stand, tls="verify-ca", tls_ca="ca.pem")
    assert refusal(stand) == 3159
    assert refusal(stand, tls=trust(stand)) == 0
    assert refusal(stand, tls=trust(stand, cert="other")) == 0
    assert works(connect(stand, tls=trust(stand, cert="client")))
    assert logged(stand, r"no TLS with 127\.0\.0\.1:\d+: TLS: peer did not return a certificate") == 1
    configure(stand, tls="verify-identity", tls_ca="ca.pem", sections=user_section("other_app"))
    assert works(connect(stand, tls=trust(stand, cert="client")))  # its common name is app
    assert refusal(stand, tls=trust(stand, cert="client"), user="other_app") == 1045
    assert refusal(stand, tls=trust(stand, cert="server")) == 1045
    # Where they are not demanded, one that does not hold is refused all the same.
    configure(stand, tls_ca="ca.pem")
    assert works(connect(stand, tls=trust(stand)))
    assert refusal(stand, tls=trust(stand, cert="other")) == 0


def test_what_accounts_require(stand):
    wants = {"u_ssl": "ssl", "u_x509": "x509", "u_subject": "subject '/O=shop/CN=app'", "u_issuer": "issuer '/CN=ca'",
             "u_both": "subject '/O=shop/CN=app' and issuer '/CN=ca'", "u_wrong": "subject '/O=shop/CN=ap'",
             "u_wrong2": "subject '/O=shop/CN=app' issuer '/CN=c'", "u_cipher": "cipher 'TLS_AES_256_GCM_SHA384'",
             "u_cipher2": "cipher 'TLS_AES_128_GCM_SHA256'"}
    configure(stand, tls_ca="ca.pem", sections="".join(user_section(name, require=text) for name, text in wants.items()))
    entered = {}
    for name in wants:
        ways = {"plain": {}, "tls": {"tls": trust(stand)}, "cert": {"tls": trust(stand, cert="client")}}
        for way, more in ways.items():
            try:
                assert works(connect(stand, user=name, **more))
                entered.setdefault(name, []).append(way)
            except wire.ServerError as error:
                assert error.code == 1045, error
    assert entered == {"u_ssl": ["tls", "cert"], "u_x509": ["cert"], "u_subject": ["cert"], "u_issuer": ["cert"],
                       "u_both": ["cert"], "u_cipher": ["tls", "cert"]}, entered
    assert logged(stand, r"refused: Access denied .*\(the account requires TLS, or another certificate\)") >= 10


def test_what_accounts_of_the_servers_require(stand):
    root = stand.root("s1a")
    for name, text in (("s_ssl", "SSL"), ("s_x509", "X509"), ("s_subject", "SUBJECT '/O=shop/CN=app' AND ISSUER '/CN=ca'"),
                       ("s_wrong", "SUBJECT '/O=shop/CN=other'")):
        root.query(f"CREATE USER {name}@'%' IDENTIFIED BY 'pw' REQUIRE {text}")
        root.query(f"GRANT SELECT ON shop.* TO {name}@'%'")
    # What waybill itself must show there is the servers' matter: a section names another account.
    sections = "".join(f"\n[user {name}]\nserver_user = app\nserver_password = app_pw\n" for name in ("s_ssl", "s_x509", "s_subject", "s_wrong"))
    configure(stand, users="servers", accounts_refresh_ms="100", tls_ca="ca.pem", sections=sections)
    stand.wait_until(lambda: "s_wrong" in {row["user"] for row in stand.admin("SHOW USERS")}, 10, "the accounts are read")
    private, shown = trust(stand), trust(stand, cert="client")
    for name, ways in (("s_ssl", (None, private)), ("s_x509", (private, shown)), ("s_subject", (private, shown))):
        assert refusal(stand, user=name, password="pw", tls=ways[0]) == 1045, name
        assert works(connect(stand, user=name, password="pw", tls=ways[1])), name
    assert refusal(stand, user="s_wrong", password="pw", tls=shown) == 1045
    for name in ("s_ssl", "s_x509", "s_subject", "s_wrong"):
        root.query(f"DROP USER {name}@'%'")
    configure(stand)


def test_passwords_that_need_tls(stand):
    configure(stand, sections=user_section("clear", plugin="mysql_clear_password") +
              user_section("slow", password=None, password_sha2=STORED))
    assert refusal(stand, user="clear") == 1045
    assert works(connect(stand, user="clear", tls=trust(stand)))
    assert works(connect(stand, user="clear", tls=trust(stand), plugin=wire.CLEAR))
    assert refusal(stand, user="clear", tls=trust(stand), password="wrong") == 1045
    for _ in range(3):  # the full way, then the fast one
        assert works(connect(stand, user="slow", tls=trust(stand), plugin=wire.SHA2))
    assert refusal(stand, user="slow", tls=trust(stand), plugin=wire.SHA2, password="wrong") == 1045


def test_change_user(stand):
    configure(stand, sections=user_section("clear", plugin="mysql_clear_password") + user_section("second", password="pw2"))
    client = connect(stand, tls=trust(stand))
    for user, password, plugin in (("second", "pw2", wire.NATIVE), ("clear", "app_pw", wire.CLEAR), ("app", "app_pw", wire.NATIVE)):
        client.password = password
        answer = wire.auth_answer(plugin, password, client.nonce)
        payload = user.encode() + b"\0" + bytes([len(answer)]) + answer + b"shop\0\x2d\0" + plugin.encode() + b"\0"
        client.send_command(wire.COM_CHANGE_USER, payload)
        client.finish_login()
        assert works(client) and status(client, "Ssl_version") == {"Ssl_version": "TLSv1.3"}


# ---- what is told

def test_status(stand):
    configure(stand)
    client = connect(stand, tls=trust(stand))
    told = status(client, "%")
    assert told["Ssl_cipher"] == client.sock.cipher()[0] and told["Ssl_version"] == "TLSv1.3"
    assert told["Ssl_cipher"] in told["Ssl_cipher_list"].split(":")
    assert told["Ssl_server_not_after"] == client.sock.getpeercert()["notAfter"]
    assert told["Ssl_sessions_reused"] == "0" and told["Compression"] == "OFF" and len(told) > 300
    assert client.query("SHOW SESSION STATUS WHERE Variable_name = 'Ssl_cipher'").rows == [("Ssl_cipher", told["Ssl_cipher"])]
    statement = client.prepare("SHOW STATUS LIKE 'Ssl_version'")
    assert client.execute(statement).rows == [("Ssl_version", "TLSv1.3")]
    kept = client.execute(statement, cursor=1)
    assert kept.is_cursor_open and client.fetch(statement, kept.columns, 10).rows == [("Ssl_version", "TLSv1.3")]
    for query in ("SELECT VARIABLE_VALUE FROM information_schema.session_status WHERE VARIABLE_NAME = 'Ssl_cipher'",
                  "SELECT s.VARIABLE_VALUE FROM INFORMATION_SCHEMA.`SESSION_STATUS` s WHERE s.VARIABLE_NAME = 'SSL_CIPHER' AND s.VARIABLE_VALUE <> ''",
                  "SELECT (SELECT VARIABLE_VALUE FROM information_schema.global_status WHERE variable_name = 'ssl_cipher')",
                  "SELECT VARIABLE_VALUE FROM (SELECT * FROM information_schema.session_status) x WHERE VARIABLE_NAME LIKE 'Ssl\\_cipher' UNION "
                  "SELECT VARIABLE_VALUE FROM information_schema.session_status WHERE VARIABLE_NAME = 'ssl_cipher'"):
        assert client.query(query).rows == [(told["Ssl_cipher"],)], query
        assert client.execute(client.prepare(query)).rows == [(told["Ssl_cipher"],)], query
    assert client.query("SELECT COUNT(*), MIN(VARIABLE_NAME) FROM information_schema.session_status").rows[0][0] == str(len(told))
    plain = connect(stand)
    assert plain.query("SELECT VARIABLE_NAME, VARIABLE_VALUE FROM information_schema.session_status WHERE VARIABLE_NAME = "
                       "'Compression' OR VARIABLE_NAME = 'Ssl_version' ORDER BY 1").rows == [("COMPRESSION", "OFF"), ("SSL_VERSION", "")]
    assert status(plain, "Ssl_cip%") == {"Ssl_cipher": "", "Ssl_cipher_list": ""}
    assert works(plain)


def mariadb(stand, *words, sql="SELECT 'fine'"):
    command = ["mariadb", "--no-defaults", "-h127.0.0.1", "-P" + stand.values["WAYBILL_PORT"], "-uapp", "-papp_pw", "-N", *words, "-e", sql]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def test_the_mariadb_client(stand):
    configure(stand)
    ca = "--ssl-ca=" + path_of(stand, "ca.pem")
    assert "Cipher in use is TLS_AES" in mariadb(stand, "--ssl", sql="\\s").stdout
    assert mariadb(stand, "--ssl-verify-server-cert", ca).stdout == "fine\n"
    assert mariadb(stand, "--ssl-verify-server-cert", ca, "-hlocalhost", "--protocol=tcp").stdout == "fine\n"
    wrong = mariadb(stand, "--ssl-verify-server-cert", "--ssl-ca=" + path_of(stand, "other-ca.pem"))
    assert "2026" in wrong.stderr, wrong
    assert "not in use" in mariadb(stand, "--skip-ssl", sql="\\s").stdout.lower()


def test_the_admin_port(stand):
    configure(stand, tls="required")
    place = {"port": int(stand.values["WAYBILL_ADMIN_PORT"]), "user": "admin", "password": "admin_pw", "timeout": 10}
    private, plain = wire.Client(tls=trust(stand), **place), wire.Client(**place)
    assert private.sock.version() == "TLSv1.3"
    assert private.query("SHOW SETTINGS").rows == plain.query("SHOW SETTINGS").rows
    client = wire.Client(connect=False, **place)
    request(client)
    client.send_raw(b"no hello")
    assert client.is_closed_by_peer()
    configure(stand, tls="disabled")
    client = wire.Client(connect=False, **place)
    request(client)
    assert wire.read_error(client.read_packet()).code == 1043


# ---- new files

def serial(client):
    return client.sock.getpeercert()["serialNumber"]


def test_new_certificates(stand):
    """By new paths, and by new contents behind the old ones; nobody is dropped."""
    configure(stand)
    first = connect(stand, tls=trust(stand))
    configure(stand, tls_cert="second.pem", tls_key="second.key")
    second = connect(stand, tls=trust(stand))
    assert serial(first) != serial(second) and works(first)
    for name, source in (("same.pem", "server.pem"), ("same.key", "server.key")):
        subprocess.run(["cp", path_of(stand, source), path_of(stand, name)], check=True)
    configure(stand, tls_cert="same.pem", tls_key="same.key")
    third = connect(stand, tls=trust(stand))
    assert serial(third) == serial(first)
    for name, source in (("same.pem", "second.pem"), ("same.key", "second.key")):
        subprocess.run(["cp", path_of(stand, source), path_of(stand, name)], check=True)
    os.kill(stand.waybill_pid(), signal.SIGHUP)
    stand.wait_until(lambda: serial(connect(stand, tls=trust(stand))) == serial(second), 5, "the new certificate is shown")
    assert works(first) and works(second) and works(third)


def test_files_that_are_wrong(stand):
    configure(stand)
    client = connect(stand, tls=trust(stand))
    configure(stand, reload=False, tls_key="client.key")
    for settings, complaint in (({"tls_key": "client.key"}, r"waybill\.ini:\d+: tls_key: private key .*client\.key: key values mismatch"),
                                ({"tls_cert": "gone.pem"}, r"waybill\.ini:\d+: tls_cert: certificate .*gone\.pem: No such file"),
                                ({"tls": "verify-ca"}, r"waybill\.ini:\d+: tls: clients' certificates need a CA file")):
        configure(stand, reload=False, **settings)
        try:
            stand.admin("RELOAD")
        except wire.ServerError as error:
            assert re.search(complaint, error.message), error.message
        else:
            raise AssertionError("it was taken")
        assert works(client) and works(connect(stand, tls=trust(stand)))


# ---- resumption

def resumed(stand, context, session):
    client = connect(stand, tls=context, tls_session=session)
    assert works(client)
    told = status(client, "Ssl_sessions_reused")["Ssl_sessions_reused"]
    assert told == ("1" if client.sock.session_reused else "0")
    return client.sock.session_reused, client.sock.session


def test_sessions_are_resumed(stand):
    for newest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        configure(stand, tls_ca="ca.pem", sections=user_section("u_x509", require="x509"))
        context = trust(stand, newest=newest, cert="client")
        is_resumed, session = resumed(stand, context, None)
        assert not is_resumed and session is not None
        for _ in range(6):  # on either worker
            is_resumed, session = resumed(stand, context, session)
            assert is_resumed
        # Whose certificate it is, is known of a resumed session, too.
        assert works(connect(stand, user="u_x509", tls=context, tls_session=session))
        configure(stand, tls_ca="ca.pem")  # new keys, so a whole handshake
        is_resumed, session = resumed(stand, context, session)
        assert not is_resumed


# ---- bytes as they may come

def greeted(stand):
    return connect(stand, connect=False)


def request(client):
    client.read_greeting()
    client.send_packet(client.ssl_request())


def hello(stand):
    """The bytes of a client's first flight, and the object that goes on with it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = trust(stand).wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read(), tls, incoming, outgoing


def shake(client, tls, incoming, outgoing):
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            client.sock.sendall(outgoing.read())
            incoming.write(client.sock.recv(1 << 16))
    client.sock.sendall(outgoing.read())


def finish_by_hand(client, tls, incoming, outgoing):
    """The log-in, through the object."""
    shake(client, tls, incoming, outgoing)
    client.capabilities |= wire.SSL
    tls.write(wire.frame(client.login_payload(), 2))
    client.sock.sendall(outgoing.read())
    while True:
        try:
            return tls.read(1 << 16)
        except ssl.SSLWantReadError:
            incoming.write(client.sock.recv(1 << 16))


def test_the_hello_may_come_with_the_request(stand):
    configure(stand)
    client = greeted(stand)
    client.read_greeting()
    first, tls, incoming, outgoing = hello(stand)
    client.send_raw(wire.frame(client.ssl_request(), 1) + first)
    answer = finish_by_hand(client, tls, incoming, outgoing)
    assert answer[4] == 0, answer


def test_the_hello_may_come_by_bytes(stand):
    configure(stand)
    client = greeted(stand)
    client.read_greeting()
    first, tls, incoming, outgoing = hello(stand)
    for byte in wire.frame(client.ssl_request(), 1) + first:
        client.send_raw(bytes([byte]))
        time.sleep(0.001)
    answer = finish_by_hand(client, tls, incoming, outgoing)
    assert answer[4] == 0, answer


def test_behind_a_proxy_header(stand):
    configure(stand, tls="required", proxy_protocol_networks="127.0.0.1", sections=user_section("there", **{"from": "192.0.2.7"}))
    client = connect(stand, user="there", tls=trust(stand), connect=False)
    client.send_raw(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 3306\r\n")
    client.read_greeting()
    client.login()
    assert works(client)
    client = greeted(stand)  # all at once
    client.user = "there"
    client.read_greeting()
    first, tls, incoming, outgoing = hello(stand)
    client.send_raw(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 3306\r\n" + wire.frame(client.ssl_request(), 1) + first)
    answer = finish_by_hand(client, tls, incoming, outgoing)
    assert answer[4] == 0, answer
    configure(stand)


def test_bad_hellos(stand):
    configure(stand)
    before = logged(stand, r"no TLS with 127\.0\.0\.1:")
    garbage = [b"\0" * 100, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"a" * 70000, os.urandom(5000),
               wire.frame(b"\x03SELECT 1", 2)]
    for bytes_ in garbage:
        client = greeted(stand)
        request(client)
        try:
            client.send_raw(bytes_)
        except ConnectionError:
            pass
        assert client.is_closed_by_peer(within=5), bytes_[:20]
    stand.wait_until(lambda: logged(stand, r"no TLS with 127\.0\.0\.1:") == before + len(garbage), 5, "each is logged once")
    client = greeted(stand)
    request(client)
    client.close_socket()
    stand.wait_until(lambda: logged(stand, r"no TLS with .*it closed the connection in the TLS handshake") > 0, 5, "it is logged")
    assert works(connect(stand, tls=trust(stand)))


def test_half_a_hello(stand):
    configure(stand, login_timeout_ms=600)
    for part in (0, 3, 5, 100):
        client = greeted(stand)
        request(client)
        client.send_raw(hello(stand)[0][:part])
        assert not client.is_closed_by_peer(within=0.3)
        assert client.is_closed_by_peer(within=2), part
    client = greeted(stand)  # TLS, and then nothing
    client.read_greeting()
    client.tls = trust(stand)
    client.start_tls()
    assert client.is_closed_by_peer(within=2)
    configure(stand)


def test_requests_out_of_place(stand):
    configure(stand)
    client = greeted(stand)
    client.read_greeting()
    client.tls = trust(stand)
    client.start_tls()
    client.send_packet(client.ssl_request())  # TLS in TLS
    assert wire.read_error(client.read_packet()).code == 1043
    configure(stand, tls="disabled")
    client = greeted(stand)
    request(client)
    assert wire.read_error(client.read_packet()).code == 1043
    configure(stand)


def test_switched_off_in_between(stand):
    configure(stand)
    client = greeted(stand)
    client.read_greeting()
    configure(stand, tls="disabled")
    client.send_packet(client.ssl_request())
    assert client.is_closed_by_peer(within=5)
    assert logged(stand, r"no TLS with 127\.0\.0\.1:\d+: it was switched off") == 1
    configure(stand)


def test_an_end_in_the_middle(stand):
    """A client that goes without a word, also while a result is on its way."""
    configure(stand)
    client = connect(stand, tls=trust(stand))
    client.send_command(wire.COM_QUERY, "SELECT REPEAT('x', 8000000)")
    client.sock.recv(100)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.sock.close()
    assert works(connect(stand, tls=trust(stand)))
    stand.wait_until(lambda: len(stand.admin("SHOW SESSIONS")) <= 1, 5, "its session ends")


# ---- cost

def idle_kib(stand, count, **more):
    before = stand.waybill_rss_kib()
    clients = [connect(stand, **more) for _ in range(count)]
    grown = stand.waybill_rss_kib() - before
    for client in clients:
        client.close_socket()
    return grown / count


def test_idle_clients_are_small(stand):
    stand.skip_if_sanitized()
    configure(stand)
    idle_kib(stand, 200, tls=trust(stand))  # what is allocated once
    with_tls = idle_kib(stand, 400, tls=trust(stand))
    assert with_tls < 40, f"{with_tls:.1f} KiB for an idle client with TLS"
