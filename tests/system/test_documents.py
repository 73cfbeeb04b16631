"""What the documents say is what the program does: configurations are read, commands answer, metrics are there."""

import glob
import json
import os
import re
import subprocess
import tempfile
import urllib.request

import wire
from stand import ROOT

CLUSTER = {"shards": 2, "replicas": 0}  # the pages' examples are of `make demo-up`, which has two
PAGES = ["README.md"] + sorted(os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, "doc", "*.md")))


def read(path):
    with open(os.path.join(ROOT, path)) as page:
        return page.read()


def check(path):
    program = os.environ.get("WAYBILL_BIN", os.path.join(ROOT, "build", "waybill"))
    done = subprocess.run([program, "--check", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def served_metrics(stand):
    """Name and type of every metric of /metrics."""
    url = f"http://127.0.0.1:{stand.values['WAYBILL_HTTP_PORT']}/metrics"
    with urllib.request.urlopen(url, timeout=10) as page:
        return dict(re.findall(r"^# TYPE (\w+) (\w+)$", page.read().decode(), re.M))


def test_sample_configurations_are_fine(stand):
    samples = glob.glob(os.path.join(ROOT, "etc", "samples", "*.ini"))
    assert samples, "etc/samples is empty"
    for path in samples + [os.path.join(ROOT, "etc", "waybill.ini")]:
        check(path)


def test_configurations_in_pages_are_fine(stand):
    blocks = [block for page in PAGES for block in re.findall(r"^```ini\n(.*?)^```", read(page), re.M | re.S)]
    assert blocks, "no ini block found"
    for block in blocks:
        with tempfile.NamedTemporaryFile("w", suffix=".ini") as file:
            file.write(block)
            file.flush()
            check(file.name)
    assert len(blocks[0].splitlines()) <= 30, "the README promises thirty lines"


def test_admin_page_has_every_command(stand):
    told = re.findall(r"^### `(.*)`$", read("doc/admin.md"), re.M)
    there = [row["command"] for row in stand.admin("SHOW HELP")]
    assert told == there, f"doc/admin.md: {told}\nSHOW HELP: {there}"


def test_commands_of_the_admin_page_answer(stand):
    pages = read("doc/admin.md") + read("README.md")
    commands = sorted(set(re.findall(r"^    > ((?:SHOW|EXPLAIN ROUTE|RELOAD|HELP).*?);?$", pages, re.M)))
    assert len(commands) >= 14, commands
    for command in commands:
        try:
            stand.admin(command)
        except wire.ServerError as error:
            raise AssertionError(f"{command}: {error}") from error


def test_routes_in_pages_are_shown_so(stand):
    shown = 0
    for page in PAGES:
        for command, lines in re.findall(r"^    > (EXPLAIN ROUTE .*?);?\n((?:    \| .*\n)+)", read(page), re.M):
            told = [line[len("    | "):].rstrip("| ") for line in lines.splitlines()]
            there = [row["route"] for row in stand.admin(command)]
            assert told == there, f"{page}: {command}: {told}\n{there}"
            shown += 1
    assert shown >= 4, "no example found"


def test_admin_page_has_every_metric(stand):
    told = dict(re.findall(r"^\| `(waybill_\w+)` \| (\w+) \|", read("doc/admin.md"), re.M))
    there = served_metrics(stand)
    assert told == there, f"only in doc/admin.md: {told.items() - there.items()}, only served: {there.items() - told.items()}"


def test_dashboard_shows_metrics_that_are_served(stand):
    there = served_metrics(stand)
    names = set(there) | {name + end for name, kind in there.items() if kind == "summary" for end in ("_sum", "_count")}
    dashboard = json.loads(read("etc/grafana-dashboard.json"))
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    shown += [variable["query"] for variable in dashboard["templating"]["list"]]
    used = {name for text in shown for name in re.findall(r"\bwaybill_\w+", text)}
    assert used and used <= names, f"not served: {used - names}"


def test_errors_page_is_the_table(stand):
    done = subprocess.run([os.path.join(ROOT, "tools", "check_errors_doc")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_settings_in_pages_exist(stand):
    """`name = value` in a page is a setting of the table, with its own spelling."""
    known = set(re.findall(r"^\| `(\w+)` \|", read("doc/settings.md"), re.M))
    servers_own = re.compile(r"read_only|innodb_|sync_binlog|gtid_|rpl_|log_|time_zone|autocommit|sql_mode|"
                             r"require_secure_transport|sql_log_bin|slave_")
    for page in PAGES:
        for name in re.findall(r"`([a-z_]+) = [^`]*`", read(page)):
            assert name in known or servers_own.match(name) or name.endswith("_id"), f"{page}: no setting {name}"


def test_links_lead_somewhere(stand):
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", read(page)):
            assert os.path.exists(os.path.join(ROOT, os.path.dirname(page), link)), f"{page}: {link}"
