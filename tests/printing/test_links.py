"""Lines to printers: every call ends by its deadline, the message names who is to blame, and the device is given back as it was."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from counter_bench import QUICK, TimelessCounter, small_coupon

from drivers.display_escpos import LineDisplay, presentable
from drivers.drawer import PulseDrawer
from drivers.escpos.cups import CupsPrinter
from drivers.escpos.dialects import DIALECTS
from drivers.escpos.link_lp import open_lp
from drivers.escpos.link_serial import open_serial
from drivers.escpos.link_tcp import open_tcp
from drivers.escpos.link_usb import find_usb, open_usb
from drivers.escpos.paper import PAPERS
from drivers.escpos.printer import EscposPrinter
from drivers.escpos.records import CUPS, LP, SERIAL, TCP, USB
from posagent.errors import DeviceBusy, DeviceError, DeviceForbidden, DeviceMissing, DeviceTimeout
from posagent.ports import Capabilities, Evidence, Ticket
from virtual_counter.clock import RealClock
from virtual_counter.printer import VirtualPrinter
from virtual_counter.profiles import PROFILES, T3_80
from virtual_counter.pty_port import serve_pty
from virtual_counter.screen import Screen
from virtual_counter.usb_backend import UsbBus, UsbPrinter

EPSON, WIDE = DIALECTS["epson"], PAPERS["80mm-203"]


def ignore(evidence: Evidence) -> None:
    """A slip without a lane."""


def in_time(call: Callable[[], object], limit_s: float) -> None:
    """Whether a call comes back in time: the quickest of a few tries, because what else the machine does can only add."""
    spent = []
    for _ in range(8):
        begun = time.monotonic()
        call()
        spent.append(time.monotonic() - begun)
        if spent[-1] < limit_s:
            return
    pytest.fail(f"never within {limit_s} s: {spent}")


def prints(link: object) -> str:
    printer = EscposPrinter("front", link, EPSON, WIDE, patience=QUICK)  # type: ignore[arg-type]
    try:
        outcome = printer.print(Ticket("1", "ab", 1, small_coupon()), ignore, 8.0)
    finally:
        printer.close()
    return f"{outcome.state} {outcome.certainty}"


# ---------------------------------------------------------------- network


def test_a_network_printer_that_is_not_there_refuses_or_stays_silent_and_both_are_said_in_time():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(DeviceMissing, match="refuses the connection"):
        open_tcp("front", "127.0.0.1", port, 0.5)
    with socket.socket() as deaf:  # a full backlog: whoever comes next gets no answer at all
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))

        def asks() -> None:
            with pytest.raises(DeviceMissing, match=f"no answer from 127.0.0.1:{port}"):
                open_tcp("front", "127.0.0.1", port, 0.3)

        in_time(asks, 0.5)
        for one in waiting:
            one.close()
    with pytest.raises(DeviceMissing, match="not known"):
        open_tcp("front", "no-such-printer.invalid", 9100, 0.5)


def test_a_peer_that_takes_nothing_holds_no_call_beyond_its_deadline():
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = open_tcp("front", *server.getsockname(), 1.0)
        body = b"x" * 30_000_000
        begun = time.monotonic()
        assert 0 < link.write(body, begun + 0.3) < len(body)
        assert time.monotonic() - begun > 0.25
        assert link.unsent()
        in_time(lambda: link.write(body, time.monotonic() + 0.3), 0.5)
        in_time(lambda: link.read(time.monotonic() + 0.2), 0.4)
        link.close()
        link.close()


def test_a_stopped_process_at_the_other_end_holds_no_print_beyond_its_deadline():
    code = ("import socket,sys,time\ns=socket.create_server(('127.0.0.1',0))\nprint(s.getsockname()[1],flush=True)\n"
            "c,_=s.accept()\ntime.sleep(60)")  # fmt: skip
    peer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert peer.stdout is not None
        port = int(peer.stdout.readline())
        link = open_tcp("front", "127.0.0.1", port, 2.0)
        os.kill(peer.pid, signal.SIGSTOP)
        printer = EscposPrinter("front", link, EPSON, WIDE, patience=QUICK)
        for call in (lambda: printer.status(0.4), lambda: printer.print(Ticket("1", "ab", 1, small_coupon(), Capabilities(3)), ignore, 0.4)):
            in_time(call, 0.6)
        printer.close()
    finally:
        peer.kill()
        peer.wait()
        assert peer.stdout is not None
        peer.stdout.close()


def test_a_connection_that_the_printer_closes_is_missing_not_silent():
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = open_tcp("front", *server.getsockname(), 1.0)
        other, _ = server.accept()
        other.close()
        with pytest.raises(DeviceMissing, match="closed the connection"):
            link.read(time.monotonic() + 1)
        link.close()


# ---------------------------------------------------------------- serial


@pytest.mark.parametrize("flow", ["rtscts", "xonxoff"])
def test_a_serial_printer_prints_and_is_confirmed(tmp_path, flow):
    paper = VirtualPrinter(T3_80, RealClock(100))
    port = serve_pty(paper, tmp_path / "printer", flow=flow)
    try:
        assert prints(open_serial("front", str(tmp_path / "printer"), 115200, flow)) == "printed confirmed"
    finally:
        port.stop()


def test_a_serial_port_that_somebody_holds_or_that_is_missing_is_named(tmp_path):
    with pytest.raises(DeviceMissing, match=r"ttyNOPE is not there"):
        open_serial("front", "/dev/ttyNOPE", 9600, "rtscts")
    paper = VirtualPrinter(T3_80, RealClock(100))
    port = serve_pty(paper, tmp_path / "printer")
    node = str(tmp_path / "printer")
    code = f"import serial, sys; s = serial.Serial({node!r}, exclusive=True); print('.', flush=True); sys.stdin.read()"
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(DeviceBusy, match=rf"python\S* \(pid {holder.pid}\) holds it"):
            open_serial("front", node, 9600, "rtscts")
    finally:
        holder.communicate(b"")
        port.stop()


def test_a_line_that_a_stray_xoff_has_stopped_runs_again_when_it_is_opened_anew_and_closing_it_does_not_hang():
    far, near = os.openpty()
    try:
        link = open_serial("front", os.ttyname(near), 9600, "xonxoff")
        os.write(far, b"\x13")
        while link.write(b"lost", time.monotonic() + 0.2):  # until the XOFF has arrived
            pass
        in_time(link.close, 0.5)
        again = open_serial("front", os.ttyname(near), 9600, "xonxoff")
        assert again.write(b"x", time.monotonic() + 2.0) == 1
        come = b""
        while not come.endswith(b"x"):
            come += os.read(far, 4096)
        again.close()
    finally:
        os.close(far)
        os.close(near)


# ---------------------------------------------------------------- usblp


def test_a_node_that_is_missing_or_forbidden_says_what_to_do(tmp_path, monkeypatch):
    with pytest.raises(DeviceMissing, match="plug the printer in"):
        open_lp("front", str(tmp_path / "lp0"))
    node = tmp_path / "lp1"
    node.touch()

    def forbidden(path: str, flags: int) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", forbidden)
    with pytest.raises(DeviceForbidden, match=r"front: permission denied on .*lp1; add user \S+ to group \S+"):
        open_lp("front", str(node))


def test_a_full_node_holds_no_call_beyond_its_deadline(tmp_path):
    os.mkfifo(tmp_path / "lp0")
    link = open_lp("front", str(tmp_path / "lp0"))  # a pipe that nobody empties, like usblp without paper
    begun = time.monotonic()
    assert 0 < link.write(b"x" * 1_000_000, begun + 0.3) < 1_000_000
    assert time.monotonic() - begun > 0.25
    in_time(lambda: link.write(b"x" * 1_000_000, time.monotonic() + 0.3), 0.5)
    assert link.port_status() is None
    link.close()


# ---------------------------------------------------------------- libusb


def usb(**changes: object) -> tuple[UsbBus, UsbPrinter]:
    device = UsbPrinter(VirtualPrinter(T3_80, RealClock(100)), **changes)  # type: ignore[arg-type]
    return UsbBus([device]), device


@pytest.mark.parametrize("ends", [(0x01, 0x82), (0x03, 0x81), (0x03, 0x84)])
def test_a_usb_printer_prints_through_the_endpoints_of_its_descriptor_and_is_given_back(ends):
    bus, device = usb(endpoint_out=ends[0], endpoint_in=ends[1])
    assert prints(open_usb("front", 0x04B8, 0x0202, "", "", backend=bus)) == "printed confirmed"
    words = " ".join(map(str, bus.log)).lower()
    assert "reset" not in words
    assert "detach" in words
    assert words.index("detach") < words.index("attach", words.index("detach") + 6)
    assert device.kernel_driver


def test_of_two_equal_usb_printers_the_settings_choose_by_serial_number_or_port():
    one = UsbPrinter(VirtualPrinter(T3_80, RealClock(100)), serial="A1", ports=(3,), address=5)
    two = UsbPrinter(VirtualPrinter(T3_80, RealClock(100)), serial="B2", ports=(1, 4), address=6)
    bus = UsbBus([one, two])
    with pytest.raises(DeviceError, match=r'usb_port = "1-3", usb_port = "1-1.4"'):
        open_usb("front", 0x04B8, 0x0202, "", "", backend=bus)
    assert prints(open_usb("front", 0x04B8, 0x0202, "B2", "", backend=bus)) == "printed confirmed"
    assert prints(open_usb("front", 0x04B8, 0x0202, "", "1-3", backend=bus)) == "printed confirmed"
    assert (len(one.printer.slips()), len(two.printer.slips())) == (1, 1)
    assert {found.identity for found in find_usb(backend=bus)} == {"A1", "B2"}


def test_a_usb_printer_that_is_missing_taken_or_forbidden_is_named():
    bus, _ = usb()
    with pytest.raises(DeviceMissing, match="no USB printer 1234:0001"):
        open_usb("front", 0x1234, 1, "", "", backend=bus)
    with pytest.raises(DeviceBusy, match="in use"):
        open_usb("front", 0x04B8, 0x0202, "", "", backend=usb(taken=True, kernel_driver=False)[0])
    with pytest.raises(DeviceForbidden, match="udev rules"):
        open_usb("front", 0x04B8, 0x0202, "", "", backend=usb(forbidden=True)[0])


def test_a_usb_printer_that_is_unplugged_in_the_middle_is_missing_and_comes_back():
    bus, device = usb()
    link = open_usb("front", 0x04B8, 0x0202, "", "", backend=bus)
    printer = EscposPrinter("front", link, EPSON, WIDE, patience=QUICK)
    device.printer.at_byte(400, lambda p: p.disconnect())
    outcome = printer.print(Ticket("1", "ab", 1, small_coupon()), ignore, 5.0)
    assert outcome.state in {"unknown", "not_printed"}
    with pytest.raises(DeviceMissing):
        printer.status(1.0)
    printer.close()
    device.printer.reconnect()
    again = EscposPrinter("front", open_usb("front", 0x04B8, 0x0202, "", "", backend=bus), EPSON, WIDE, patience=QUICK)
    assert outcome.evidence is not None
    found = again.resolve(Ticket("1", "ab", 1, small_coupon()), outcome.evidence, 5.0)
    for _ in range(10):
        if not found.waiting:
            break
        found = again.resolve(Ticket("1", "ab", 1, small_coupon()), found.evidence or outcome.evidence, 5.0)
    assert found.state in {"not_printed", "printed"}
    again.close()


# ---------------------------------------------------------------- CUPS, drawer, display


def test_cups_is_never_more_than_assumed_and_says_so(tmp_path):
    taker = tmp_path / "lp"
    taker.write_text(f"#!/bin/sh\ncat > {tmp_path}/taken\n")
    taker.chmod(0o755)
    printer = CupsPrinter("front", "raw", EPSON, WIDE, command=str(taker))
    outcome = printer.print(Ticket("1", "ab", 1, small_coupon()), ignore, 5.0)
    assert (outcome.state, outcome.certainty) == ("printed", "assumed")
    assert (tmp_path / "taken").read_bytes().endswith(b"\x1dVB\x00")
    assert printer.status(1.0).online is None
    assert printer.resolve(Ticket("1", "ab", 1, small_coupon()), Evidence(1, 1, None, 0), 1.0).state == "unknown"
    gone = CupsPrinter("front", "raw", EPSON, WIDE, command=str(tmp_path / "nothing"))
    assert gone.print(Ticket("1", "ab", 1, small_coupon()), ignore, 1.0).state == "not_printed"
    assert "last resort" in CUPS.title


def test_a_drawer_is_opened_by_one_whole_pulse_says_so_and_rests_before_the_next(caplog):
    bench = TimelessCounter(T3_80, "tcp")
    drawer = PulseDrawer("till", bench.wire.open(), 0, 100, open_is_high=True)
    assert drawer.is_open(1.0) is False
    with caplog.at_level("INFO"):
        drawer.open(1.0)
        bench.rest(0.2)
        assert drawer.is_open(1.0) is True
        with pytest.raises(DeviceBusy, match="wait three seconds"):
            drawer.open(1.0)
        bench.rest(3.0)
        drawer.open(1.0)
        bench.rest(0.2)
    assert [(kick.pin, kick.on_ms) for kick in bench.paper.kicks] == [(2, 100), (2, 100)]
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "INFO"]
    assert bench.paper.oddities == []
    drawer.close()


def test_a_drawer_without_a_sensor_or_behind_a_silent_printer_does_not_pretend():
    assert PulseDrawer("till", TimelessCounter(T3_80, "usb").wire.open(), 0, 100).is_open(1.0) is None
    assert PulseDrawer("till", TimelessCounter(PROFILES["t0-80"], "usb").wire.open(), 0, 100, open_is_high=True).is_open(1.0) is None
    low = PulseDrawer("till", TimelessCounter(T3_80, "usb").wire.open(), 1, 100, open_is_high=False)
    assert low.is_open(1.0) is True


def test_a_drawer_on_a_full_line_is_a_time_out_and_no_late_kick():
    class Full:
        now = staticmethod(time.monotonic)

        def write(self, body: bytes, deadline: float) -> int:
            return 0

        def close(self) -> None:
            """Nothing is open."""

    with pytest.raises(DeviceTimeout, match="was not opened"):
        PulseDrawer("till", Full(), 0, 100).open(0.1)  # type: ignore[arg-type]


class Collects:
    """A line that takes everything."""

    now = staticmethod(time.monotonic)

    def __init__(self) -> None:
        self.sent = b""

    def write(self, body: bytes, deadline: float) -> int:
        self.sent += body
        return len(body)

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize("commands", ["epson", "cd5220"])
def test_the_customer_sees_the_points_on_either_kind_of_display(commands):
    line, screen = Collects(), Screen()
    display = LineDisplay("customer", line, commands, "kana")  # type: ignore[arg-type]
    for upper, lower in (("いらっしゃいませ", ""), ("＋49ポイント", "残高 1,349P とても長い行です")):
        display.show(upper, lower, 1.0)
    screen.feed(line.sent)
    assert screen.lines()[0] == "+49ﾎﾟｲﾝﾄ"
    assert screen.lines()[1].startswith("** 1,349P ﾄﾃﾓ")
    assert len(screen.lines()[1]) <= 20
    assert screen.oddities == []


def test_no_control_byte_of_a_name_reaches_the_display():
    shown, lost = presentable("A\x1b@\x0cB髙ガ゛", "kana")
    assert shown == "A@ B*ｶﾞﾞ"
    assert lost == {"髙"}


def test_every_record_has_options_that_its_opener_asks_for():
    for record in (TCP, SERIAL, LP, USB, CUPS):
        assert record.kind == "printer"
        assert record.preview is not None
        seen = record.preview(small_coupon(), {})
        assert seen.png.startswith(b"\x89PNG")
    with pytest.raises(DeviceMissing):
        LP.open("front", {name: option.default for name, option in LP.options.items()} | {"node": "/dev/usb/lp77"})


