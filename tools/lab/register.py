"""Owns one register and the world around it: the machine, its devices, the printer's paper, the POS, and head office on the other side.

What must outlive a power cut of the register stands outside of the machine: the virtual printer with its paper, the receiver with its
ledger, and the listener that noted what was told.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests

from posagent.check_digits import Check, check_character
from posagent.cloud.embedded import EmbeddedReceiver
from posagent.cloud.receiver import Settings as ReceiverSettings
from tools.lab import devices
from tools.lab.image import Image
from tools.lab.machine import PAGE_DOOR, SOCKET_DOOR, Machine
from tools.lab.wire import Doorway, HandLine
from virtual_counter.clock import RealClock
from virtual_counter.demo_till import Listener, Said, Till
from virtual_counter.printer import VirtualPrinter
from virtual_counter.profiles import T3_80
from virtual_counter.tcp import serve_tcp

COMPANY, STORE, REGISTER = "lab", "0001", "R1"
GUEST = Path(__file__).parent / "guest"
BOOT_S = 600.0  # without acceleration, on a machine that others use as well
READY_S = 300.0
TOLD_S = 120.0
CLOSED_S = 30.0
_CLOSE_TRIES = 5
INNER_RECEIVER = "127.0.0.1:8940"
TYPING_S, SLOW_TYPING_S = 0.002, 0.04
"""A report and the next one. The kernel keeps 64 events for whoever reads a keyboard, which is time enough only at the machine's own speed."""
_LOOK_S = 0.05
_SLOW_LOOK_S = 0.5  # each look costs an emulated machine a tenth of a second

SLOW_UNIT = """# Nothing accelerates this machine: it is some thirty times slower than a register, and so are its time limits.
[Service]
TimeoutStartSec=600s
WatchdogSec=300s
"""
RELAY_UNIT = """[Unit]
Description=The lab's doors
After=lab.service posagent.socket
[Service]
User=pos
ExecStart=/usr/bin/python3 -u /lab/guest/relay.py {listen}
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
"""


class Failed(RuntimeError):
    """A scenario found something that must not be."""


def card(number: int) -> str:
    """The member's JAN card number of a member by count."""
    body = f"20{number:010d}"
    return body + check_character(Check("mod10w3"), body)


class Register:
    """A register PC with everything on it. ``members``: how many cards head office knows."""

    def __init__(self, work: Path, image: Image, packages: list[Path], *, kvm: bool, say: Callable[[str], None], members: int = 40) -> None:
        self.work, self.say, self._packages = work, say, packages
        work.mkdir(parents=True, exist_ok=True)
        share = work / "share"
        shutil.rmtree(share, ignore_errors=True)
        shutil.copytree(GUEST, share / "guest", ignore=shutil.ignore_patterns("__pycache__"))
        for package in packages:
            shutil.copy(package, share)
        self.share = share
        self.hand = HandLine()
        self.machine = Machine(image, work, share, self.hand.port, kvm=kvm)
        self.hand.clock = self.machine.lived_s
        self.printer = VirtualPrinter(T3_80, RealClock())
        self._printer_server = serve_tcp(self.printer)
        self._receiver = EmbeddedReceiver(ReceiverSettings(signed=True))
        (work / "cloud").mkdir(exist_ok=True)
        self.receiver_url = self._receiver.start(work / "cloud")
        self.cloud_up = True
        self._sock = work / "api.sock"
        self._doorway = Doorway(self._sock, self.machine.doors[SOCKET_DOOR], self.hand)
        self.till, self.listener = Till(self._sock), Listener(self._sock)
        self.members = {f"member-{number:03}": card(number) for number in range(members)}
        self.cabled: dict[str, dict[str, Any]] = {}  # what hangs on its cable, also while the power is off
        self.sales: dict[str, dict[str, Any]] = {}  # receipt number -> what the POS knows of it
        self._receipt = 1000
        self._turn = 0
        self.cuts = 0
        self.used = ""  # the settings that the register runs with

    # ------------------------------------------------------------ power

    def boot(self) -> float:
        """Switches on and plugs in what hangs on its cable; seconds until the hand called. Raises RuntimeError with the console's end."""
        self.machine.power_on()
        deadline = self.machine.lived_s() + BOOT_S
        while not (self.hand.up and self.hand.called_at > self.machine.powered_at):
            if not self.machine.running or self.machine.lived_s() > deadline:
                raise RuntimeError(f"the guest did not come up; its console ends with:\n{self.machine.console_tail()}")
            time.sleep(_LOOK_S)
        took = self.hand.called_at - self.machine.powered_at
        for spec in self.cabled.values():
            self.hand.plug(spec)
        return took

    def cut_power(self) -> None:
        """The plug is pulled. Waits until nobody takes the guest for alive any more."""
        self.machine.cut_power()
        self.cuts += 1
        deadline = time.monotonic() + 10
        while self.hand.up and time.monotonic() < deadline:
            time.sleep(0.01)

    def stop(self) -> None:
        """Ends everything."""
        self.listener.stop()
        self.machine.cut_power()
        self._printer_server.stop()
        self._doorway.close()
        self.hand.close()
        if self.cloud_up:
            self._receiver.stop()

    def cloud(self, *, up: bool) -> None:
        """Head office's receiver goes down or comes back, on the same address with the same database."""
        if up and not self.cloud_up:
            self._receiver.start(self.work / "cloud", int(self.receiver_url.rsplit(":", 1)[1]))
        elif not up and self.cloud_up:
            self._receiver.stop()
        self.cloud_up = up

    def listener_away(self) -> None:
        """The page is closed: nobody follows the agent's events."""
        self.listener.stop()
        self.listener.join(25)

    def listener_back(self) -> None:
        """Somebody opens it again, and sees what was missed."""
        follower = Listener(self._sock)
        follower.events, follower.repeated = self.listener.events, self.listener.repeated
        self.listener = follower
        follower.start()

    # ------------------------------------------------------------ what store IT does

    def install(self) -> float:
        """Installs the package, enrols the register, writes its settings, starts it. Seconds until it was ready."""
        begun = time.monotonic()
        names = " ".join(f"/lab/{package.name}" for package in self._packages)
        self.hand.sure(f"dpkg -i {names}", 900)
        self.hand.sure("useradd --system --groups posagent-pos pos")
        inward = f"0.0.0.0:{SOCKET_DOOR} /run/posagent/api.sock 0.0.0.0:{PAGE_DOOR} 127.0.0.1:8931"
        pairs = f"{inward} {INNER_RECEIVER} 10.0.2.2:{self._receiver_port}"
        self.hand.write("/etc/systemd/system/lab-relay.service", RELAY_UNIT.format(listen=pairs))
        if not self.machine.kvm:
            self.hand.write("/etc/systemd/system/posagent.service.d/lab-slow.conf", SLOW_UNIT)
        self.hand.sure("systemctl daemon-reload && systemctl enable --now lab-relay.service", READY_S)
        self.hand.write("/etc/posagent/credentials/register.json", self._enrol(), 0o600)
        static = Path(__file__).parents[2] / "virtual_counter/static"
        self.hand.write("/etc/posagent/program.toml", (static / "per_amount.toml").read_text("utf-8"))
        self.hand.sure("chown root:posagent /etc/posagent/*.toml && chmod 640 /etc/posagent/*.toml; systemctl restart posagent.socket", 600)
        self.use(self.settings())
        if not self.listener.is_alive():
            self.listener.start()
        return time.monotonic() - begun

    def settings(self) -> str:
        """The register's settings file; the devices as `posagent devices` would print them."""
        return (Path(__file__).parent / "posagent.toml").read_text("utf-8")

    @property
    def _receiver_port(self) -> int:
        return int(self.receiver_url.rsplit(":", 1)[1])

    def _enrol(self) -> str:
        office, place = f"{self.receiver_url}/v1", {"store": STORE, "register": REGISTER}
        code = _good(requests.post(f"{office}/enrolments?tenant={COMPANY}", json=place, timeout=10)).json()["code"]
        credentials = _good(requests.post(f"{office}/enrol", json={"code": code}, timeout=10)).text
        for token, number in self.members.items():
            _good(requests.post(f"{office}/members?tenant={COMPANY}", json={"token": token, "number": number}, timeout=10))
        return credentials

    # ------------------------------------------------------------ hands at the counter

    def plug(self, spec: dict[str, Any]) -> float:
        """A device comes onto its cable; the guest's clock."""
        at = self.hand.plug(spec)
        self.cabled[spec["name"]] = spec
        return at

    def unplug(self, name: str) -> float:
        """A device leaves its cable; the guest's clock."""
        del self.cabled[name]
        return self.hand.unplug(name)

    def put_away(self, name: str) -> None:
        """A device leaves the counter."""
        del self.cabled[name]
        self.hand.put_away(name)

    def plug_printer(self) -> float:
        """The slip printer on its cable."""
        return self.plug(devices.printer(self._printer_server.port))

    def scan(self, device: dict[str, Any], text: str) -> float:
        """Pulls a scanner's trigger; the guest's clock after the last byte. Raises Failed when nobody fetches what the device sends."""
        chunks, gap_s = [f"]E0{text}\r".encode("ascii")], 0.0
        if device["kind"] == "hid":
            keyboard = device["protocol"] == 1
            typing_s = TYPING_S if self.machine.kvm else SLOW_TYPING_S
            chunks, gap_s = (devices.keyboard_reports(text), typing_s) if keyboard else ([devices.hidpos_report(text, "E0")], 0.0)
        at, sent = self.hand.feed(device["name"], chunks, gap_s)
        if sent != len(chunks):
            raise Failed(f"{device['name']}: only {sent} of {len(chunks)} reports were fetched by the host; log:\n{self.log_tail()}")
        return at

    def next_member(self) -> str:
        """Another card each time, so that nobody comes twice within the agent's few seconds."""
        self._turn += 1
        return list(self.members)[self._turn % len(self.members)]

    def ring_up(self, total: int) -> str:
        """The POS closes a sale and asks until it is answered or has no power, always with the same key; the receipt's number."""
        self._receipt += 1
        receipt = str(self._receipt)
        self.sales[receipt] = {"total": total, "said": None}
        deadline = self.machine.lived_s() + TOLD_S
        while self.ask_again(receipt).status != 200 and self.hand.up and self.machine.lived_s() < deadline:
            time.sleep(_SLOW_LOOK_S)
        return receipt

    def ask_again(self, receipt: str) -> Said:
        """The same sale with the same key, once."""
        sale = self.sales[receipt]
        said = self.till.ring_up(sale["total"], receipt_no=receipt, key=f"lab-sale-{receipt}")
        if said.status == 200:
            sale["said"] = said.body
        return said

    def checkout(self, device: dict[str, Any], total: int) -> dict[str, Any]:
        """A whole checkout: card, sale, and the grant as it was told. Raises Failed."""
        member = self.next_member()
        self.scan(device, self.members[member])
        return self.granted(self.ring_up(total), f"{device['name']} reads {member}, {total} yen")

    def close_open(self) -> None:
        """Ends a checkout that a finding left half: the waiting sale gets a card, the waiting card a sale."""
        for _ in range(_CLOSE_TRIES):  # a sale that waited too long is let go, and then the card opens the next checkout
            waiting = self.till.status().body.get("open")
            if not waiting:
                return
            self._go_on(waiting)
        raise Failed(f"a checkout stays open: {self.till.status().body.get('open')}")

    def _go_on(self, waiting: dict[str, Any]) -> None:
        if waiting["member"]:
            self.ring_up(100)
        else:
            self.scan(devices.HIDPOS, self.members[self.next_member()])
        with suppress(Failed):
            self.until(lambda: self.till.status().body.get("open") != waiting, CLOSED_S, "the checkout goes on")

    def use(self, settings: str) -> None:
        """Other settings, and the agent with them; returns when it answers."""
        self.hand.write("/etc/posagent/posagent.toml", settings)
        self.hand.sure("cd /etc/posagent; chown root:posagent posagent.toml; chmod 640 posagent.toml; systemctl restart posagent", READY_S)
        self.used = settings
        self.wait_ready()

    # ------------------------------------------------------------ looking

    def wait_ready(self, timeout_s: float = READY_S) -> None:
        """Returns when the agent answers. Raises Failed with the journal's end."""
        self.until(lambda: self.till.status().status == 200, timeout_s, "the agent answers")

    def device(self, name: str) -> dict[str, Any]:
        """A device as the agent's status shows it; {} while the agent does not answer."""
        found = [device for device in self.till.status().body.get("devices", []) if device["name"] == name]
        return found[0] if found else {}

    def devices_ok(self, *names: str, timeout_s: float = READY_S) -> None:
        """Returns when the agent calls all of these devices usable. Raises Failed."""
        self.until(lambda: all(self.device(name).get("state") in {"ok", "ready"} for name in names), timeout_s, f"{', '.join(names)} usable")

    def granted(self, receipt: str, what: str, within_s: float = TOLD_S) -> dict[str, Any]:
        """The last grant for a receipt, once it is told: by its sale, for after a power cut earlier ones are told as well. Raises Failed."""

        def of_it() -> list[dict[str, Any]]:
            return [event for event in self.listener.told("granted") if event["sale_id"].endswith(f"-n{receipt}")]

        self.until(lambda: bool(of_it()), within_s, f"{what}: the grant for receipt {receipt} is told", look_s=_LOOK_S)
        return of_it()[-1]

    def told(self, kind: str, count: int, what: str) -> None:
        """Returns when so many events of a kind have been told. Raises Failed."""
        self.until(lambda: len(self.listener.told(kind)) >= count, TOLD_S, f"{what}: told", look_s=_LOOK_S)

    def slips_done(self) -> set[str]:
        """The serial numbers of the slips whose outcome was told."""
        return {event["serial"] for event in self.listener.told("slip")}

    def until(self, true: Callable[[], bool], timeout_s: float, what: str, *, look_s: float = 0.0) -> float:
        """Waits; how long it took. Raises Failed with the agent's log when the machine has had so much time for it. ``look_s``: for looks that
        cost the machine nothing."""
        begun, lived = time.monotonic(), self.machine.lived_s()
        while not true():
            if self.machine.lived_s() - lived > timeout_s:
                raise Failed(f"not within {timeout_s:.0f} s: {what}; {self.till.status().body.get('devices')}; log:\n{self.log_tail()}")
            time.sleep(look_s or (_LOOK_S if self.machine.kvm else _SLOW_LOOK_S))
        return time.monotonic() - begun

    def log_tail(self, lines: int = 25) -> str:
        """The end of the agent's log in the guest."""
        if not self.hand.up:
            return f"(the guest is down) {self.machine.console_tail()}"
        return self.hand.run(f"journalctl -b -u posagent -o short-monotonic --no-pager -n {lines}").out


def _good(answer: requests.Response) -> requests.Response:
    answer.raise_for_status()
    return answer
