"""Client certificates: `posagent cloud serve --client-ca` as a process, with the register's own sync lane on the other end."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from offline_queue.errors import CloudBusy, CloudForbidden
from offline_queue.events import NewEvent
from offline_queue.journal import Journal
from offline_queue.signature import Key
from offline_queue.sync import SyncLane
from offline_queue.transport import Credentials, Transport
from posagent.cloud.engine import open_engine
from posagent.cloud.reception import common_name
from posagent.cloud_lane import head_office
from posagent.settings import CloudSettings
from tools.fleet_runs import free_port

ROOT = Path(__file__).resolve().parents[2]
SOURCE = "/t/acme/s/0042/r/2"


class Authority:
    """Makes certificates into a directory; ``files`` gives the two paths of one."""

    def __init__(self, directory, name="authority"):
        self.directory, self.key = directory, ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.path = directory / f"{name}.pem"
        self.path.write_bytes(self._sign(self.name, self.key.public_key(), True).public_bytes(serialization.Encoding.PEM))

    def files(self, common, *more):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common), *more])
        certificate, private = self.directory / f"{common}.pem", self.directory / f"{common}.key"
        certificate.write_bytes(self._sign(subject, key.public_key(), False).public_bytes(serialization.Encoding.PEM))
        plain = serialization.NoEncryption()
        private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
        return str(certificate), str(private)

    def _sign(self, subject, public, is_authority):
        now = datetime.now(UTC)
        begin, end = now - timedelta(days=1), now + timedelta(days=1)
        made = x509.CertificateBuilder(self.name, subject, public, x509.random_serial_number(), begin, end)
        made = made.add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        if is_authority:
            usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
            made = made.add_extension(usage, critical=True).add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        else:
            issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
            made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            made = made.add_extension(issuer, critical=False)
        return made.sign(self.key, hashes.SHA256())


class Place:
    """A receiver that wants certificates, and what registers need to reach it."""

    def __init__(self, directory, port):
        self.directory, self.url, self.authority = directory, f"https://127.0.0.1:{port}", Authority(directory)
        self.certificate, self.key = self.authority.files("receiver")
        self.command = [
            sys.executable, "-m", "posagent", "cloud", "serve", "--database", f"sqlite:///{directory / 'r.db'}",
            "--listen", f"127.0.0.1:{port}", "--tls-cert", self.certificate, "--tls-key", self.key, "--client-ca", str(self.authority.path),
        ]  # fmt: skip

    def enrol(self, register, certificate=None):
        place = {"store": "0042", "register": register}
        with requests.Session() as session:
            session.trust_env, session.verify, session.cert = False, str(self.authority.path), certificate
            code = session.post(f"{self.url}/v1/enrolments?tenant=acme", json=place, timeout=10).json()["code"]
            given = session.post(f"{self.url}/v1/enrol", json={"code": code}, timeout=10).json()
        return Key(given["device"], bytes.fromhex(given["key"]))

    def credentials(self, key, certificate):
        return Credentials(key, certificate, str(self.authority.path))


@pytest.fixture
def place(tmp_path):
    found = Place(tmp_path, free_port())
    with subprocess.Popen(found.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT) as process:
        try:
            assert "https://" in process.stdout.readline()
            yield found
        finally:
            process.kill()


@contextmanager
def lane(place, credentials, name="journal"):
    journal = Journal.open(place.directory / name, source=SOURCE, reserve_mb=0)
    found = SyncLane(journal, place.url, credentials=lambda: credentials, stop=threading.Event())
    try:
        data = {"member": "M1", "entries": [{"account": "points", "delta": 10}], "trace": {}}
        journal.put([NewEvent("posagent.sale.granted.v1", "m:M1", f"d/2/{name}/grant", "2026-11-22T12:34:56+09:00", data)]).result(10)
        yield found
    finally:
        found._close_transport()
        journal.close()


def asked(place, credentials):
    """The status of a register's question."""
    line = Transport(place.url, credentials)
    try:
        return line.get("/v1/files/members").status
    finally:
        line.close()


def test_a_register_is_who_its_certificate_says_with_and_without_a_signature(place):
    own = place.authority.files("till-2", x509.NameAttribute(NameOID.ORGANIZATION_NAME, "acme"))
    key = place.enrol("2", own)
    for name, credentials in (("both", place.credentials(key, own)), ("certificate", place.credentials(None, own))):
        with lane(place, credentials, name) as found:
            while found.round():
                pass
            assert found.state().pending == 0
    stranger, other = place.authority.files("till-9"), place.authority.files("till-3")
    other_key = place.enrol("3", other)
    assert asked(place, place.credentials(other_key, other)) == 200
    assert asked(place, place.credentials(key, None)) == 401  # a signature alone
    assert asked(place, place.credentials(key, stranger)) == 401  # of the authority, and nobody's
    assert asked(place, place.credentials(key, other)) == 403  # another register's
    with lane(place, place.credentials(key, None), "bare") as found, pytest.raises(CloudForbidden):
        found.round()
    foreign = Authority(place.directory, "foreign").files("till-2-copy")
    with pytest.raises(CloudBusy):  # TLS ends it
        asked(place, place.credentials(key, foreign))
    named = place.enrol("4")
    assert asked(place, place.credentials(None, place.authority.files(named.keyid))) == 200  # its name is the register's id
    assert asked(place, place.credentials(None, place.authority.files(key.keyid))) == 401  # that register has a certificate of its own
    requests.post(f"{place.url}/v1/devices/{key.keyid}/revoke?tenant=acme", json={}, verify=str(place.authority.path), timeout=10)
    assert asked(place, place.credentials(None, own)) == 403
    engine = open_engine(f"sqlite:///{place.directory / 'r.db'}", look=True)
    assert engine.read(lambda work: work.rows("SELECT amount FROM balance")) == [(20,)]
    engine.close()


def test_what_the_settings_name_is_what_the_agent_shows(place):
    own = place.authority.files("till-2", x509.NameAttribute(NameOID.ORGANIZATION_NAME, "acme"))
    place.enrol("2", own)
    pair = (Path(own[0]), Path(own[1]))
    for certificate, status in ((pair, 200), (None, 401)):
        line = head_office(CloudSettings(place.url, None, 900, certificate, place.authority.path))(5.0)
        assert line.get("/v1/files/members").status == status
        line.close()


def test_the_common_name_is_a_line_of_its_own():
    assert common_name("organizationName=commonName=dev-1\ncommonName=dev-2") == "dev-2"
    assert common_name("organizationName=acme") == ""
