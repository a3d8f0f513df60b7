"""The doctor: a healthy counter is called healthy, and everything that can be broken is broken once and found, in both languages."""

from __future__ import annotations

import http.server
import json
import os
import re
import shutil
import socket
import sqlite3
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from offline_queue.events import NewEvent
from offline_queue.journal import Journal
from posagent.cli import main
from posagent.cli.doctor import asked
from posagent.doctor.case import Case
from posagent.doctor.examine import CHECKS, Looked, examine, gather
from posagent.doctor.finding import Check, Finding
from posagent.doctor.host import Host, Ran
from posagent.doctor.loop import closed_loop
from posagent.doctor.sheet import as_json, lines
from posagent.doctor.word_rows import WORDS
from posagent.doctor.words import NAMES, said
from posagent.ports import Found
from posagent.settings import load_settings

AT = datetime.fromisoformat("2026-11-22T12:00:00+09:00")
PROGRAM = Path(__file__).parents[2] / "config" / "program.example.toml"
UNIT = {"LoadState": "loaded", "ActiveState": "active", "SubState": "running", "Result": "success", "ExecMainStatus": "0", "NRestarts": "0",
        "WatchdogUSec": "30s", "DevicePolicy": "closed", "DeviceAllow": "char-ttyACM rw char-input r",
        "ActiveEnterTimestamp": "Sun 2026-11-22 03:00:00 UTC"}  # fmt: skip
ROOM: dict[str, Any] = {
    "devices": [
        {"name": "front", "kind": "scanner", "state": "ready", "stale": False, "beat": 1, "message": None, "detail": "",
         "scanner": {"good": 50, "damaged": 0, "why": ""}, "printer": None},
        {"name": "slips", "kind": "printer", "state": "ready", "stale": False, "beat": 1, "message": None, "detail": "", "scanner": None,
         "printer": {"says": {"paper": "ok", "cover_open": False}, "capabilities": {"kanji": True}}},
    ],
    "test_mode": {"on": False, "left_s": 0}, "cloud": {"clock_offset_ms": 12, "blocked": ""},
}  # fmt: skip
STATUS: dict[str, Any] = {"questions": [], "degraded": []}
SETTINGS = """
[register]
company = "acme"
brand = "cafe"
store = "0042"
register = "R2"
store_name = "喫茶アクメ"
[journal]
directory = "{home}/var/lib/posagent"
[program]
file = "{home}/etc/posagent/program.toml"
[screen]
listen = "{listen}"
socket = "{home}/run/posagent/api.sock"
{screen}
[cloud]
url = "{url}"
credentials = "{home}/etc/posagent/credentials/register.json"
[[scanner]]
name = "front"
driver = "serial"
port = "/dev/serial/by-id/usb-Datalogic_Gryphon-if00"
[[printer]]
name = "slips"
driver = "escpos-tcp"
host = "127.0.0.1"
port = {printer}
{code}
"""
CODE = '[[code]]\nname = "jan-member"\nkind = "member"\nsymbologies = ["ean13"]\nlength = 13\nprefixes = ["20-29"]'


@dataclass
class Machine:
    """A register PC below a folder: healthy until somebody breaks it."""

    home: Path
    url: str
    listen: str
    printer: int
    screen: str = ""
    code: str = CODE
    snapshots: str = ""
    unit: dict[str, str] | None = field(default_factory=lambda: dict(UNIT))
    active: set[str] = field(default_factory=set)
    commands: dict[str, Ran] = field(default_factory=dict)
    agent: Any = "running"
    room: dict[str, Any] | None = field(default_factory=lambda: deepcopy(ROOM))
    status: dict[str, Any] | None = field(default_factory=lambda: deepcopy(STATUS))
    found: list[Found] = field(default_factory=list)
    now: datetime = AT
    trouble: str = ""
    has_settings: bool = True

    def put(self, path: str, text: str = "", mode: int = 0o640) -> Path:
        """A file of the machine. Settings and journal name their real places, so they stand below the folder by name as well."""
        file = self.home / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        file.chmod(mode)
        return file

    def run(self, command: Sequence[str]) -> Ran:
        for start, ran in self.commands.items():
            if " ".join(command).startswith(start):
                return ran
        match command[:2]:
            case ["systemctl", "show"]:
                return Ran(4, "") if self.unit is None else Ran(0, "\n".join(f"{key}={value}" for key, value in self.unit.items()))
            case ["systemctl", "is-active"]:
                return Ran(0, "active\n") if command[2] in self.active else Ran(3, "inactive\n")
            case ["timedatectl", _]:
                return Ran(0, "Timezone=Asia/Tokyo\nNTPSynchronized=yes\n")
            case ["journalctl", _]:
                return Ran(0, "usb 1-4: new full-speed USB device number 5 using xhci_hcd\n")
        return Ran(127, "")

    def case(self) -> Case:
        text = SETTINGS.format(home=self.home, url=self.url, listen=self.listen, printer=self.printer, screen=self.screen, code=self.code)
        file = self.put("/etc/posagent/posagent.toml", text.replace("[program]", f"{self.snapshots}\n[program]"))
        settings = load_settings(file)[0] if self.has_settings else None
        # The machine's root is "/" for what the settings name below the folder, and the folder for everything else.
        host = _Rooted(self.home, self.run, lambda: self.now)
        return Case(host, file, settings, self.trouble, self.agent, self.room, self.status, tuple(self.found))

    def keys(self, **how: Any) -> dict[str, str]:
        """What the doctor finds: key -> level."""
        return {found.words: found.level for one in examine(self.case(), **how) for found in one.findings}


class _Rooted(Host):
    def path(self, absolute: str | Path) -> Path:
        return Path(absolute) if str(absolute).startswith(str(self.root)) else super().path(absolute)


@pytest.fixture(scope="module")
def listener() -> Iterator[int]:
    """Somebody who takes every connection: head office's port, and the printer's."""
    server = socket.create_server(("127.0.0.1", 0), backlog=64)

    def take() -> None:
        while True:
            try:
                server.accept()[0].close()
            except OSError:
                return

    thread = threading.Thread(target=take)
    thread.start()
    yield int(server.getsockname()[1])
    server.shutdown(socket.SHUT_RDWR)
    thread.join()
    server.close()


@pytest.fixture(scope="module")
def page() -> Iterator[tuple[str, dict[str, int]]]:
    """The page's address, and the status with which strangers are answered."""
    answers = {"status": 403}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answers["status"])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", answers
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal with one fresh event, to be copied."""
    directory = tmp_path_factory.mktemp("journal") / "posagent"
    directory.mkdir(mode=0o700)
    written = Journal.open(directory, source="/t/acme/s/0042/r/R2", reserve_mb=0)
    written.put([NewEvent("posagent.sale.granted.v1", "m:1", "k1", (AT - timedelta(minutes=5)).isoformat(), {"points": 1})]).result(60)
    written.close()
    return directory


@pytest.fixture
def machine(tmp_path: Path, journal: Path, listener: int, page: tuple[str, dict[str, int]]) -> Machine:
    page[1]["status"] = 403
    found = Machine(tmp_path, f"http://127.0.0.1:{listener}", page[0], listener)
    _program(found, "2027-03-31")
    keys = {"device": "d1", "key": "00" * 32, "member_key": "11" * 32, "file_keys": {}}
    found.put("/etc/posagent/credentials/register.json", json.dumps(keys), 0o600)
    found.put("/etc/passwd", "posagent:x:995:993::/var/lib/posagent:/usr/sbin/nologin\n")
    found.put("/etc/group", f"posagent:x:993:\ndialout:x:20:posagent\nmine:x:{os.getgid()}:posagent\n")
    found.put("/usr/lib/udev/rules.d/71-posagent.rules")
    found.put("/dev/serial/by-id/usb-Datalogic_Gryphon-if00", mode=0o660)
    found.put("/proc/devices", "Character devices:\n166 ttyACM\n 13 input\n\nBlock devices:\n  8 sd\n")
    shutil.copytree(journal, found.home / "var/lib/posagent")
    return found


def _sql(machine: Machine, *statements: str) -> None:
    conn = sqlite3.connect(machine.home / "var/lib/posagent/queue.db")
    for statement in statements:
        conn.execute(statement)
    conn.commit()
    conn.close()


def _kernel(line: str) -> Callable[[Machine], None]:
    return lambda machine: machine.commands.update({"journalctl": Ran(0, line + "\n")})


def _unit(**changes: str) -> Callable[[Machine], None]:
    return lambda machine: (machine.unit or {}).update(changes)


def _device(name: str, **changes: Any) -> Callable[[Machine], None]:
    def change(machine: Machine) -> None:
        assert machine.room is not None
        next(device for device in machine.room["devices"] if device["name"] == name).update(changes)

    return change


def _printer(**says: Any) -> Callable[[Machine], None]:
    return _device("slips", printer={"says": {"paper": "ok", "cover_open": False, **says}, "capabilities": {"kanji": True}})


def _set(**changes: Any) -> Callable[[Machine], None]:
    def change(machine: Machine) -> None:
        for name, value in changes.items():
            setattr(machine, name, value)

    return change


def _gone(machine: Machine) -> None:
    (machine.home / "dev/serial/by-id/usb-Datalogic_Gryphon-if00").unlink()


def _held(**changes: Any) -> Callable[[Machine], None]:
    one = Found("serial", "scanner", "Datalogic", "/dev/serial/by-id/usb-Datalogic_Gryphon-if00", "by-id", "cupsd (pid 812)")
    return _set(found=[replace(one, **changes)])


def _late(machine: Machine) -> None:
    (machine.home / "sys/module/cdc_acm").mkdir(parents=True)


def _chmod(path: str, mode: int) -> Callable[[Machine], None]:
    return lambda machine: (machine.home / path).chmod(mode)


def _no_posagent_user(machine: Machine) -> None:
    machine.put("/etc/group", "dialout:x:20:\n")


def _port() -> int:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return int(closed.getsockname()[1])


def _denied(machine: Machine) -> None:
    machine.put("/etc/group", "posagent:x:993:\n")
    _chmod("dev/serial/by-id/usb-Datalogic_Gryphon-if00", 0o600)(machine)


def _old(machine: Machine) -> None:
    machine.now = AT + timedelta(days=3)


def _damaged(machine: Machine) -> None:
    _sql(machine, "UPDATE ev SET body = CAST(replace(CAST(body AS TEXT), 'points\":1', 'points\":9') AS BLOB)")


def _refused(machine: Machine) -> None:
    _sql(machine, "INSERT INTO parked(seq, state, reason, attempts, at) VALUES(1, 'parked', '400', 6, '')")


def _in_doubt(machine: Machine) -> None:
    assert machine.status is not None
    machine.status["questions"] = [{"job": "1"}]


def _two(machine: Machine) -> None:
    one = Found("wedge", "scanner", "Scanner", "/dev/input/event5", "usb:0c2e:0b61")
    machine.found = [one, replace(one, node="/dev/input/event6")]


def _without_directory(machine: Machine) -> None:
    directory = machine.home / "var/lib/posagent"
    directory.rename(directory.with_name("elsewhere"))


def _snapshots(machine: Machine) -> None:
    machine.snapshots = f'snapshots = "{machine.home}/media/backup"'


def _old_snapshots(machine: Machine) -> None:
    _snapshots(machine)
    (machine.home / "media/backup").mkdir(parents=True)


def _program(machine: Machine, until: str) -> None:
    text = re.sub(r"(?m)^until = \S+", f"until = {until}", PROGRAM.read_text("utf-8"), count=1)
    machine.put("/etc/posagent/program.toml", text)


JA, EN = {"title": "紙がありません", "todo": "紙を交換してください"}, {"title": "No paper", "todo": "Change the roll"}
MESSAGE = {"code": "E210", "ja": JA, "en": EN}
BREAKS: dict[str, Callable[[Machine], None]] = {
    "no_socket": _set(agent="no_socket"),
    "agent_down_by_hand": _set(unit=None, agent="down", room=None),
    "no_service": _set(unit=None, agent="no_socket", room=None),
    "service_settings": _unit(ActiveState="failed", ExecMainStatus="78"),
    "service_down": _unit(ActiveState="inactive"),
    "service_restarts": _unit(NRestarts="7"),
    "no_watchdog": _unit(WatchdogUSec="0"),
    "may_not_ask": _set(agent="refused", room=None),
    "device_class_late": _late,
    "page_silent": lambda machine: setattr(machine, "listen", f"127.0.0.1:{_port()}"),
    "no_browser_policy": _set(screen='allowed_origins = ["https://pos.example.jp"]'),
    "package_half": lambda machine: (machine.put("/var/lib/dpkg/info/posagent.list"),
                                     machine.commands.update({"dpkg": Ran(1, "posagent is half configured")}))[0] and None,
    "settings_wrong": _set(has_settings=False, trouble="posagent.toml: 1 problem", room=None, agent="no_socket"),
    "no_member_rule": _set(code=""),
    "no_program": lambda machine: (machine.home / "etc/posagent/program.toml").unlink(),
    "program_ends": lambda machine: _program(machine, "2026-11-30"),
    "settings_writable": lambda machine: setattr(machine, "put", _open_settings(machine)),
    "journal_open": _chmod("var/lib/posagent", 0o755),
    "secret_open": _chmod("etc/posagent/credentials/register.json", 0o644),
    "clock_unasked": lambda machine: machine.commands.update({"timedatectl": Ran(1, "")}),
    "clock_unset": lambda machine: machine.commands.update({"timedatectl": Ran(0, "Timezone=Asia/Tokyo\nNTPSynchronized=no\n")}),
    "clock_zone": lambda machine: machine.commands.update({"timedatectl": Ran(0, "Timezone=Etc/UTC\nNTPSynchronized=yes\n")}),
    "clock_skew": lambda machine: (machine.room or {})["cloud"].update(clock_offset_ms=-120_000),
    "clock_dead": _set(now=datetime.fromisoformat("1970-01-02T00:00:00+09:00")),
    "no_journal_directory": _without_directory,
    "journal_unreadable": lambda machine: machine.put("/var/lib/posagent/queue.db", "no database") and None,
    "journal_damaged": _damaged,
    "queue_undecided": _refused,
    "queue_old": _old,
    "slips_in_doubt": _in_doubt,
    "snapshot_medium": _snapshots,
    "snapshot_old": _old_snapshots,
    "kernel_unasked": lambda machine: machine.commands.update({"journalctl": Ran(1, ""), "dmesg": Ran(1, "")}),
    "kernel_brltty": _kernel("usb 1-4: usbfs: interface 0 claimed by ch341 while 'brltty' sets config #1"),
    "kernel_over_current": _kernel("usb usb1-port4: over-current condition"),
    "kernel_voltage": _kernel("hwmon hwmon1: Under-voltage detected!"),
    "kernel_disk": _kernel("blk_update_request: I/O error, dev sda, sector 2048"),
    "kernel_memory": _kernel("Out of memory: Killed process 4711 (chrome)"),
    "kernel_usb": _kernel("usb 1-4: device descriptor read/64, error -71"),
    "cable_loose": _kernel("\n".join(["usb 1-4: USB disconnect, device number 5"] * 6)),
    "device_gone": _gone,
    "device_held": _held(),
    "device_note": _held(held_by="", note="it is in IBM mode; scan the setup code"),
    "device_denied": _denied,
    "device_twins": _two,
    "modem_manager": lambda machine: ((machine.home / "usr/lib/udev/rules.d/71-posagent.rules").unlink(), _acm(machine),
                                      machine.active.add("ModemManager.service"))[0],
    "brltty": lambda machine: (machine.put("/usr/lib/udev/rules.d/85-brltty.rules"), _acm(machine))[1],
    "getty": lambda machine: (_acm(machine), machine.active.add("serial-getty@ttyACM0.service"))[1],
    "no_udev_rules": lambda machine: (machine.home / "usr/lib/udev/rules.d/71-posagent.rules").unlink(),
    "no_group": _no_posagent_user,
    "network_device_silent": lambda machine: _set(printer=_port(), agent="down", room=None)(machine),
    "room_unasked": _set(agent="down", room=None),
    "device_says": _device("slips", state="held", message=MESSAGE),
    "device_silent": _device("slips", stale=True, beat=40),
    "device_opening": _device("slips", state="opening"),
    "printer_mute": _printer(paper=None),
    "paper_low": _printer(paper="near_end"),
    "cover_open": _printer(cover_open=True),
    "no_kanji": _device("slips", printer={"says": {"paper": "ok"}, "capabilities": {"kanji": False}}),
    "scans_damaged": _device("front", scanner={"good": 20, "damaged": 9, "why": "a key is missing"}),
    "no_manager_pin": lambda machine: (machine.status or {}).update(degraded=["manager_pin"]),
    "test_mode_on": lambda machine: (machine.room or {}).update(test_mode={"on": True, "left_s": 60}),
    "not_enrolled": lambda machine: (machine.home / "etc/posagent/credentials/register.json").unlink(),
    "credentials_broken": lambda machine: machine.put("/etc/posagent/credentials/register.json", "{}", 0o600) and None,
    "office_no_name": _set(url="https://head-office.invalid"),
    "office_no_way": lambda machine: setattr(machine, "url", f"http://127.0.0.1:{_port()}"),
    "office_refuses": lambda machine: (machine.room or {})["cloud"].update(blocked="does not accept this register; enrol it again"),
    "office_blocked": lambda machine: (machine.room or {})["cloud"].update(blocked="answers 302: is this the receiver's address?"),
}  # fmt: skip


def _acm(machine: Machine) -> None:
    """The scanner stands under its kernel name in the settings."""
    machine.put("/dev/ttyACM0", mode=0o660)
    whole = SETTINGS.replace("/dev/serial/by-id/usb-Datalogic_Gryphon-if00", "/dev/ttyACM0")
    machine.code += "\n"
    machine.__dict__["case"] = lambda: _case_of(machine, whole)


def _case_of(machine: Machine, text: str) -> Case:
    file = machine.put(
        "/etc/posagent/posagent.toml",
        text.format(
            home=machine.home, url=machine.url, listen=machine.listen, printer=machine.printer, screen=machine.screen, code=machine.code
        ),
    )
    host = _Rooted(machine.home, machine.run, lambda: machine.now)
    return Case(host, file, load_settings(file)[0], "", machine.agent, machine.room, machine.status, tuple(machine.found))


def _open_settings(machine: Machine) -> Callable[..., Path]:
    def put(path: str, text: str = "", mode: int = 0o640) -> Path:
        return Machine.put(machine, path, text, 0o666 if path.endswith("posagent.toml") else mode)

    return put


def test_a_healthy_counter_is_called_healthy(machine: Machine) -> None:
    assert machine.keys() == {}
    shown = "\n".join(lines(examine(machine.case()), "ja"))
    assert "問題は見つかりませんでした" in shown
    assert all(name in shown for check, (name, _) in NAMES.items() if check != "D-302")  # the closed loop only on demand


@pytest.mark.parametrize("key", BREAKS)
def test_what_is_broken_is_found_and_said_with_the_next_step(machine: Machine, key: str) -> None:
    BREAKS[key](machine)
    looked = examine(machine.case())
    found = [found for one in looked for found in one.findings if found.words == key]
    assert found, [each.words for one in looked for each in one.findings]
    for language in ("ja", "en"):
        told = said(key, found[0].values, language)  # type: ignore[arg-type]
        assert "—" not in told.wrong + told.todo.replace("今あるもの: —", "").replace("there now: —", "")
        shown = "\n".join(lines(looked, language))  # type: ignore[arg-type]
        assert told.wrong in shown
        assert told.todo in shown


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


def test_a_counter_without_a_scanner_is_told(machine: Machine) -> None:
    whole = re.sub(r"(?s)\[\[scanner\]\].*?(?=\[\[printer)", "", SETTINGS)
    machine.__dict__["case"] = lambda: _case_of(machine, whole)
    assert machine.keys() == {"no_scanner_set": "warning"}


def test_what_goes_away_while_it_is_looked_at_is_unknown(machine: Machine) -> None:
    def look(_case: Case) -> Iterator[Finding]:
        raise FileNotFoundError(2, "No such file or directory")

    found = examine(machine.case(), (Check("D-104", look),))
    assert (found[0].level, found[0].findings[0].words) == ("unknown", "not_looked")


class Till:
    """An agent with one printer and two scanners; what comes out of it is held before those that are ``read``."""

    def __init__(self, *, prints: bool = True, read: tuple[str, ...] = ("front", "back"), devices: bool = True) -> None:
        self.prints, self.read, self.devices = prints, read, devices
        self.test_mode: list[bool] = []
        self.now, self.printed = 0.0, False

    def ask(self, target: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        if target == "/v1/test-mode":
            assert body is not None
            self.test_mode.append(body["on"])
            return {}
        if target.endswith("/test"):
            self.printed = True
            return {"job": "7"}
        came = self.printed and self.now > 2
        jobs = [{"job": "7", "state": "CONFIRMED" if came and self.prints else "SENDING"}] if self.printed else []
        scan = {"at": "2026-11-22T12:00:09+09:00", "verdict": "member"}
        scanners = [{"name": name, "scanner": {"scan": scan if came and name in self.read else None}} for name in ("front", "back")]
        return {"devices": [{"name": "slips", "printer": {"jobs": jobs}}, *scanners] if self.devices else []}

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def findings(self) -> list[tuple[str, Any]]:
        told: list[str] = []
        found = [(one.words, one.values.get("device")) for one in closed_loop(self.ask, told.append, lambda: self.now, self.wait)]
        assert told == (["loop_scan"] if self.devices else [])
        return found


def test_the_closed_loop_names_who_did_not_print_or_read_and_leaves_test_mode() -> None:
    whole = Till()
    assert whole.findings() == []
    assert whole.now < 5
    assert whole.test_mode == [True, False]
    assert Till(read=("front",)).findings() == [("loop_unread", "back")]
    assert Till(prints=False).findings() == [("loop_unprinted", "slips")]
    assert Till(devices=False).findings() == [("loop_incomplete", None)]


ELSEWHERE = {"disk_full", "disk_short", "disk_inodes", "disk_read_only", "disk_unasked", "disk_refuses", "disk_slow", "disk_eatmydata",
             "may_not_look", "not_looked", "loop_scan", "loop_incomplete", "loop_unprinted", "loop_unread",
             "stranger_let_in", "program_kept", "no_scanner_set", "cups_queue", "office_no_tls",
             "certificate_wrong", "certificate_ends"}  # fmt: skip


def test_every_finding_is_broken_once_and_every_check_has_a_name() -> None:
    assert set(WORDS) == set(BREAKS) | ELSEWHERE
    assert {check.id for check in CHECKS} | {"D-302"} == set(NAMES)
    for ja, en in WORDS.values():
        assert all([ja.wrong, ja.todo, en.wrong, en.todo])


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


def test_a_page_that_answers_strangers_is_told(machine: Machine, page: tuple[str, dict[str, int]]) -> None:
    page[1]["status"] = 200
    assert machine.keys() == {"stranger_let_in": "problem"}


def test_a_broken_program_beside_a_kept_one_is_a_warning(machine: Machine) -> None:
    good = (machine.home / "etc/posagent/program.toml").read_text("utf-8")
    machine.put("/var/lib/posagent/program.kept.toml", good)
    machine.put("/etc/posagent/program.toml", good.replace("[program]", "[progamm]"))
    assert machine.keys()["program_kept"] == "warning"


def test_a_cups_queue_on_a_usb_printer_is_told(machine: Machine) -> None:
    whole = SETTINGS.replace('driver = "escpos-tcp"\nhost = "127.0.0.1"\nport = {printer}', 'driver = "escpos-lp"\nnode = "/dev/usb/lp0"')
    machine.put("/etc/cups/printers.conf", "<Printer TM>\nDeviceURI usb://EPSON/TM-T88VI\n</Printer>\n")
    machine.put("/dev/usb/lp0", mode=0o660)
    machine.__dict__["case"] = lambda: _case_of(machine, whole)
    assert machine.keys()["cups_queue"] == "problem"


def test_without_the_agent_nothing_is_called_well_that_only_the_agent_knows(machine: Machine) -> None:
    machine.agent, machine.room, machine.status = "down", None, None
    looked = {one.check.id: one for one in examine(machine.case())}
    assert {name for name, one in looked.items() if one.skipped} == {"D-207", "D-301", "D-303", "D-304", "D-501"}
    assert looked["D-300"].level == "unknown"


def test_what_may_not_be_looked_at_is_unknown_and_not_well(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(_self: Path, **_how: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    case = machine.case()
    monkeypatch.setattr(Path, "stat", refuses)
    monkeypatch.setattr(Path, "exists", lambda _self: True)
    looked = {one.check.id: one for one in examine(case, quick=True)}
    assert {found.words for found in looked["D-106"].findings} == {"may_not_look"}
    assert looked["D-106"].level == "unknown"


def test_quick_leaves_out_what_takes_seconds_and_says_so(machine: Machine) -> None:
    looked = examine(machine.case(), quick=True)
    assert {one.check.id for one in looked if one.skipped} == {"D-107", "D-206", "D-401"}
    assert "skipped: disk flush, kernel messages, head office" in "\n".join(lines(looked, "en"))


def test_the_json_names_everything_and_the_exit_code_follows(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    _gone(machine)
    told = as_json(examine(machine.case()))
    assert (told["schema"], told["level"]) == (1, "problem")
    gone = next(check for check in told["checks"] if check["id"] == "D-201")
    assert gone["findings"][0]["key"] == "device_gone"
    assert set(gone["findings"][0]["ja"]) == {"wrong", "todo"}
    file = machine.case().settings_file
    # the real machine beneath: its devices are not there
    assert main(["doctor", "--quick", "--json", "--settings", str(file)]) == 1
    assert json.loads(capsys.readouterr().out)["level"] == "problem"
    file.write_text("[register]\n", "utf-8")
    assert main(["doctor", "--quick", "--settings", str(file), "--lang", "en"]) == 78
    assert "posagent check-config names every line" in capsys.readouterr().out


def test_gathering_never_fails_whatever_is_missing(tmp_path: Path) -> None:
    case = gather(tmp_path / "nothing.toml", asked)
    assert (case.settings, case.agent, case.room) == (None, "no_socket", None)
    assert "settings_wrong" in {found.words for one in examine(case, quick=True) for found in one.findings}
    assert isinstance(examine(case, quick=True)[0], Looked)
