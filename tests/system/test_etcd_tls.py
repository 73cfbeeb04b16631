"""coordination = etcds://...: a real etcd that asks for certificates; one that it doesn't trust, or that isn't trusted, is no leader."""

import json
import os
import re
import ssl
import subprocess
import urllib.request

import stand as stands
import test_etcd

CLUSTER = test_etcd.CLUSTER


class Etcd(test_etcd.Etcd):
    SCHEME = "https"

    def words(self):
        at = self.certificates
        return ["--cert-file", f"{at}/server.pem", "--key-file", f"{at}/server.key", "--trusted-ca-file", f"{at}/ca.pem", "--client-cert-auth"]

    def ask(self, path, **body):
        context = ssl.create_default_context(cafile=f"{self.certificates}/ca.pem")
        context.load_cert_chain(f"{self.certificates}/client.pem", f"{self.certificates}/client.key")
        request = urllib.request.Request(f"https://127.0.0.1:{self.port}/v3/{path}", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=5, context=context) as page:
            return json.load(page)


class STAND(test_etcd.STAND):
    def __init__(self, name, **shape):
        super().__init__(name, **shape)
        self.etcd = Etcd(self)
        self.etcd.certificates = at = os.path.join(self.directory, "certificates")
        self.settings = self.settings.replace("etcd://127.0.0.1:1,", "etcds://127.0.0.1:1,") + (
            f"coordination_ca = {at}/ca.pem\ncoordination_cert = {at}/client.pem\ncoordination_key = {at}/client.key\n")

    def start_waybill(self):
        subprocess.run([os.path.join(stands.ROOT, "tests", "support", "certificates"), self.etcd.certificates], check=True)
        super().start_waybill()


def test_the_key_is_taken_over_tls(stand):
    primary, replica = test_etcd.whole(stand)
    stand.cluster("kill", f"s1/{primary}")
    stand.wait_until(lambda: test_etcd.shard(stand)["primary"] == replica, 30, lambda: test_etcd.events(stand))
    stand.wait_until(lambda: stand.etcd.leads() is None, 10, "the key is given back")


def check_live(stand, old, new):
    """What --check --live says of etcd with another setting."""
    text = stand.configuration()
    assert old in text
    path = os.path.join(stand.directory, "changed.ini")
    with open(path, "w") as out:
        out.write(text.replace(old, new))
    program = os.environ.get("WAYBILL_BIN", os.path.join(stands.ROOT, "build", "waybill"))
    checked = subprocess.run([program, "--check", "--live", path], capture_output=True, text=True)
    found = re.search(r"^etcd: (.*)$", checked.stdout, re.M)
    return (found.group(1) if found else ""), checked.stderr


def test_who_is_not_trusted(stand):
    test_etcd.whole(stand)
    at = stand.etcd.certificates
    assert check_live(stand, "proxy_id = 3", "proxy_id = 5") == ("fine", "")
    said, _ = check_live(stand, f"coordination_ca = {at}/ca.pem", f"coordination_ca = {at}/other-ca.pem")
    assert re.search("etcd 127.0.0.1:.*(certificate|SSL)", said), said
    said, _ = check_live(stand, f"coordination_cert = {at}/client.pem\ncoordination_key = {at}/client.key\n", "")
    assert said.startswith("etcd 127.0.0.1:") and said != "fine", said
    said, _ = check_live(stand, "etcds://127.0.0.1:1,", "etcds://127.0.0.1:2,")
    assert said == "fine", said
    _, complaint = check_live(stand, "etcds://127.0.0.1:1,", "etcd://127.0.0.1:1,")
    assert "need coordination = etcds://" in complaint, complaint
