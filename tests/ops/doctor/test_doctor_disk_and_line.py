"""What only this machine's own disk and a real TLS line can say is broken for real, or as near to it as a test comes."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Machine = Any
"""The fixture's class, see conftest.py."""


def test_a_certificate_that_is_wrong_or_nearly_over_is_told_and_so_is_a_line_without_one(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine.url = machine.url.replace("http://", "https://")
    assert set(machine.keys()) == {"office_no_tls"}
    pem = tmp_path / "head-office.pem"
    pem.write_bytes(_certificate(days=5))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for _ in range(2):
            with suppress(OSError), context.wrap_socket(server.accept()[0], server_side=True) as line:
                line.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    machine.url = f"https://localhost:{server.getsockname()[1]}"
    assert set(machine.keys()) == {"certificate_wrong"}
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    assert machine.keys() == {"certificate_ends": "warning"}
    thread.join()
    server.close()


def _certificate(days: int) -> bytes:
    """A key and a certificate of its own for localhost, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    start = datetime.now(UTC) - timedelta(days=1)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(start).not_valid_after(start + timedelta(days=1 + days, hours=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_a_disk_that_is_short_full_read_only_or_out_of_files_is_told_apart(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs(machine.home)

    def keys(**changes: int) -> set[str]:
        values = {name: getattr(real, name) for name in dir(real) if name.startswith("f_")} | {"f_bavail": 1 << 30, "f_favail": 1 << 20}
        fake = type("Found", (), values | changes)()
        monkeypatch.setattr(os, "statvfs", lambda _path: fake)
        return set(machine.keys(quick=True))

    mb = (1 << 20) // real.f_frsize
    assert keys() == set()
    assert keys(f_bavail=300 * mb) == {"disk_short"}
    assert keys(f_bavail=20 * mb) == {"disk_full"}
    assert keys(f_flag=os.ST_RDONLY) == {"disk_read_only"}
    assert keys(f_favail=3) == {"disk_inodes"}

    def refuses(_path: object) -> Any:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "statvfs", refuses)
    assert set(machine.keys(quick=True)) == {"disk_unasked"}


def test_a_long_journal_is_followed_from_before_its_end(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posagent.doctor.machine_checks.WHOLE_BYTES", 1)
    assert machine.keys() == {}
    machine.sql("UPDATE ev SET body = CAST(replace(CAST(body AS TEXT), 'points\":1', 'points\":9') AS BLOB)")
    assert machine.keys() == {"journal_damaged": "problem"}


def test_a_scanner_on_the_network_is_asked_at_its_own_port_and_one_that_calls_us_is_not(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        serial = 'driver = "serial"\nport = "/dev/serial/by-id/usb-Datalogic_Gryphon-if00"'
        network = f'driver = "tcp-scanner"\nhost = "127.0.0.1"\ntcp_port = {server.getsockname()[1]}\nrole = "client"'
        machine.text = machine.text.replace(serial, network)
        machine.agent = "refused"  # it is not asked, and nothing else of it is broken
        assert "network_device_silent" not in set(machine.keys())
    assert machine.keys()["network_device_silent"] == "problem"
    machine.text = machine.text.replace('role = "client"', 'role = "server"')
    assert "network_device_silent" not in set(machine.keys())


def test_a_disk_that_is_slow_refuses_or_only_pretends_is_told(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(0, 10**13, 150_000_000))
    monkeypatch.setattr("posagent.doctor.machine_checks.time.perf_counter_ns", lambda: next(ticks))
    assert set(machine.keys()) == {"disk_slow"}
    monkeypatch.undo()

    def full(_fd: int, _bytes: bytes, _at: int) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    assert set(machine.keys()) == {"disk_refuses"}
    monkeypatch.undo()
    monkeypatch.setenv("LD_PRELOAD", "/usr/lib/libeatmydata.so")
    assert set(machine.keys()) == {"disk_eatmydata"}
