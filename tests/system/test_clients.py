"""Drivers and frameworks, unmodified: each script of clients/ runs on one plain server and through waybill over 4 shards,
and must print the same."""

import difflib
import os
import re
import shutil
import subprocess

import stand as stands
from stand import HERE, Skip

CLIENTS = os.path.join(HERE, "clients")
NODE = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "waybill", "node")
with open(os.path.join(CLIENTS, "tables.ini")) as tables:
    CLUSTER = {"shards": 4, "replicas": 0, "plain": True, "tables": tables.read()}


def play(command, port, user, password, directory=CLIENTS, **more):
    environment = dict(os.environ, DB_PORT=port, DB_USER=user, DB_PASSWORD=password, DB_NAME="shop", **more)
    done = subprocess.run(command, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=90)
    text = re.sub(r"\d+\.\d{3}s$", "N s", done.stdout.decode(errors="backslashreplace"), flags=re.M)
    return text + f"exit {done.returncode}\n"


def same_both_ways(stand, command, hop=None, **more):
    """What the script prints, with everything equal; user loader may write to tables that are on every shard. `hop`:
    variables for the way through waybill alone."""
    direct = play(command, stand.values["WAYBILL_PLAIN_PORT"], stand.values["WAYBILL_USER"], stand.values["WAYBILL_PASSWORD"], **more)
    through = play(command, stand.values["WAYBILL_PORT"], "loader", "loader_pw", **more, **(hop or {}))
    assert direct.endswith("exit 0\n"), f"fails on the plain server:\n{direct[-2000:]}"
    differ = "\n".join(difflib.unified_diff(direct.splitlines(), through.splitlines(), "direct", "through", n=2, lineterm=""))
    assert not differ, "\n" + differ[:6000]


def build_connector_c():
    program = os.path.join(stands.BUILD, "connector_c")
    subprocess.run(["gcc", "-Wall", "-o", program, os.path.join(CLIENTS, "connector_c.c"),
                    "-isystem", "/usr/include/mariadb", "-lmariadb"], check=True)
    return program


def test_django(stand, **hop):
    same_both_ways(stand, ["/usr/bin/python3", "play.py"], directory=os.path.join(CLIENTS, "django"), **hop)


def test_sqlalchemy(stand, **hop):
    same_both_ways(stand, ["/usr/bin/python3", "sqlalchemy_play.py"], **hop)


def test_inspectors(stand):
    same_both_ways(stand, ["/usr/bin/python3", "inspect_django.py"])
    same_both_ways(stand, ["/usr/bin/python3", "inspect_sqlalchemy.py"])


def test_php_pdo(stand, **hop):
    same_both_ways(stand, ["php", "pdo.php"], **hop)


def test_php_mysqli(stand, **hop):
    same_both_ways(stand, ["php", "mysqli.php"], **hop)


def test_perl_dbd_mysql(stand, **hop):
    same_both_ways(stand, ["perl", "perl_dbi.pl"], **hop)


def test_connector_c(stand, **hop):
    same_both_ways(stand, [build_connector_c()], **hop)


def test_node_mysql2_and_sequelize(stand, **hop):
    same_both_ways(stand, ["node", "node/play.js"], NODE_PATH=install_node_modules(), **hop)


def install_node_modules():
    """From npm, once; kept beside the MySQL 5.6 of tools/cluster."""
    wanted = os.path.join(CLIENTS, "node", "package.json")
    os.makedirs(NODE, exist_ok=True)
    have = os.path.join(NODE, "installed.json")
    with open(wanted) as text:
        asked = text.read()
    if not os.path.exists(have) or open(have).read() != asked:
        if shutil.which("npm") is None or shutil.which("node") is None:
            raise Skip("no npm, or no node")
        shutil.copy(wanted, NODE)
        done = subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", NODE],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise Skip("npm cannot install mysql2 and sequelize: " + done.stderr[-200:])
        shutil.copy(wanted, have)
    return os.path.join(NODE, "node_modules")
