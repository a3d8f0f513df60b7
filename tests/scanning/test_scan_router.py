"""The counter's one scanner: the shop's codes come to the agent, everything else is typed on into the POS, in order and without loss."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st

from drivers.scan import serial_port
from drivers.scan.keymaps import Layout
from drivers.scan.keystrokes import event_bytes, key_reports, untypable
from drivers.scan.typist import BURST_EVENTS, PosTypist, UinputKeyboard, open_typist
from drivers.scan.wedge_keys import EVENT, WedgeKeys, WedgeSettings
from posagent.errors import DeviceError, DeviceMissing
from posagent.member_code import Rules, default_rules, read_rules
from posagent.member_code.rules import as_table, rule_of
from posagent.messages import words
from posagent.ports import Scan
from posagent.remote import Lost, Opened, RemoteDevice, RemoteDevices, Report, Told
from posagent.scan_router import Route, is_ours, judge_of, read_route, routed_options
from posagent.strict import Table
from virtual_counter.pos_keyboard import PosKeyboard

SERIAL = "drivers.scan.serial_port:DRIVER"
TYPIST = "drivers.scan.typist:open_typist"
MEMBER = "2012345678903"  # an in-store JAN of the demonstration shop
PRODUCT = "4901234567894"
PATIENT_MS = 15_000

# ---------------------------------------------------------------- keys


class Keys:
    """A keyboard that keeps what is written."""

    def __init__(self, fails_after: int | None = None) -> None:
        self.writes: list[bytes] = []
        self.fails_after = fails_after

    def write(self, events: bytes) -> None:
        if self.fails_after is not None and len(self.writes) >= self.fails_after:
            raise DeviceMissing("the keyboard is gone")
        self.writes.append(events)

    def close(self) -> None:
        self.writes.append(b"closed")


PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F))


@pytest.mark.parametrize("layout", ["us", "jis"])
@trials(deadline=None)  # the machine may be busy
@given(text=st.text(st.sampled_from(PRINTABLE), min_size=3, max_size=40).map("0".__add__))
def test_what_is_typed_is_what_a_reader_of_that_layout_reads(layout: Layout, text: str) -> None:
    """A digit at its head: an AIM identifier there would be taken off, and one alone is no code."""
    assert untypable(text, layout) == ""
    stream = b"".join(event_bytes(report) for report in key_reports(text + "\r", layout))
    keys = WedgeKeys(WedgeSettings(layout=layout, typing=True), event_times=False)
    (scan,) = keys.feed(stream, 1)
    assert (scan.sent, scan.text) == (text + "\r", text)


@pytest.mark.parametrize("layout", ["us", "jis"])
def test_every_printable_character_is_typed_so_that_the_pos_shows_it(layout: Layout, tmp_path: Path) -> None:
    with PosKeyboard(tmp_path / "keys", layout) as pos:
        typist = open_typist("till", asdict(Route(keyboard=f"unix:{pos.path}", layout=layout)))
        assert typist.type(PRINTABLE + "\t") == ""
        assert typist.type("11AA11\r") == ""  # the same key again and again, with and without Shift
        assert pos.wait_for(PRINTABLE + "\t11AA11\r"), pos.typed
        assert pos.stuck == []
        typist.close()


@pytest.mark.parametrize(("text", "shown"), [("会員カード", "会"), ("price £5", "£"), ("a\x00b", "\\x00"), ("ＡＢＣ", "Ａ")])
def test_what_the_layout_cannot_type_is_refused_as_a_whole(text: str, shown: str) -> None:
    keys = Keys()
    why = PosTypist(keys, "jis").type(text + "\r")
    assert shown in why
    assert keys.writes == []


def test_control_characters_of_gs1_codes_are_typed_as_the_scanner_types_them() -> None:
    keys = Keys()
    assert PosTypist(keys, "us").type("]C10104912345678904\x1d10ABC\r") == ""
    (scan,) = WedgeKeys(WedgeSettings(typing=True), event_times=False).feed(b"".join(keys.writes), 1)
    assert scan.text == "0104912345678904\x1d10ABC"


def test_a_long_code_is_typed_no_faster_than_the_pos_can_take_it() -> None:
    keys = Keys()
    assert PosTypist(keys, "us").type("0123456789" * 20 + "\r") == ""
    sizes = [len(write) // EVENT.size for write in keys.writes]
    assert max(sizes) <= BURST_EVENTS
    assert len(sizes) > 9


def test_a_jan_code_is_one_burst() -> None:
    keys = Keys()
    PosTypist(keys, "us").type(PRODUCT + "\r")
    assert len(keys.writes) == 1


def test_a_pos_that_drops_fast_keys_gets_them_one_by_one() -> None:
    keys = Keys()
    PosTypist(keys, "us", 0.0001).type("123\r")
    assert len(keys.writes) == 5  # four presses, and the last release


def test_without_uinput_the_message_says_that_the_scanner_works_as_before(tmp_path: Path) -> None:
    with pytest.raises(DeviceMissing, match="as before"):
        UinputKeyboard("till", str(tmp_path / "uinput"))
    with pytest.raises(DeviceError, match="see `posagent doctor`"):
        UinputKeyboard("till", str(tmp_path))


# ---------------------------------------------------------------- rules and settings


@pytest.mark.parametrize(
    ("text", "aim", "ours"),
    [
        (MEMBER, "E0", True), (PRODUCT, "E0", False), ("https://else.example/x", "Q1", False), ("", None, False),
        (MEMBER[:-1] + "1", "E0", False),
    ],
)
def test_the_shops_codes_are_ours_and_nothing_else(text: str, aim: str | None, ours: bool) -> None:
    assert is_ours(text, aim, default_rules()) is ours


def test_a_code_that_may_be_a_members_or_a_products_is_asked_about_here() -> None:
    table = Table.parse('[[code]]\nname="m"\nkind="member"\nlength=13\n[[code]]\nname="p"\nkind="product"\nlength=13\n')
    assert is_ours(PRODUCT, None, read_rules(table.tables("code")))
    assert not table.problems


def test_rules_judge_in_the_reader_process_as_they_do_here() -> None:
    every = """
        [[code]]\nname="m"\nkind="member"\nsymbologies=["nw7"]\nlengths=[10, 12]\nprefixes=["20-29", "9"]\npattern="[0-9]+"
        check="mod11"\nremainders="0X1"\ncomplement=false\nweights=[2, 3]\nstrip_check=true\nstart_stop="either"\nguards="AB"\ndeny=["29*"]
        [[code]]\nname="t"\nkind="staff"\nlength=8\ncheck="7dsr"\nzero="7"\ntemplate="https://s.example/{id}"
        [[code]]\nname="w"\nkind="member"\ntimed="window"\npattern="(?P<id>[0-9]+)-(?P<time>[0-9]+)"
    """
    table = Table.parse(every)
    rules = (*read_rules(table.tables("code")), *default_rules())
    assert not table.problems
    sent = json.loads(json.dumps([as_table(rule) for rule in rules]))
    assert tuple(rule_of(one) for one in sent) == rules
    judge = judge_of(sent)
    assert [judge(text, "E0") for text in (MEMBER, PRODUCT)] == [True, False]


def test_without_rules_everything_is_the_pos_s() -> None:
    assert not is_ours(MEMBER, "E0", ())


def _route(text: str, *, types_keys: bool = True, camera: bool = False) -> tuple[Route | None, list[str]]:
    table = Table.parse(text)
    found = read_route(table, types_keys=types_keys, camera=camera)
    return found, [str(problem) for problem in table.problems]


def test_a_route_is_read_strictly() -> None:
    assert _route('route = { layout = "jis", answer_ms = 30 }') == (Route(layout="jis", answer_ms=30), [])
    assert _route("driver = 1") == (None, [])
    for text, complaint in (
        ('route = { layout = "dvorak" }', "us, jis"),
        ('route = { layuot = "us" }', "did you mean 'layout'"),
        ("route = { answer_ms = 5000 }", "from 5 to 500"),
        ('route = { keyboard = "/dev/uinput" }', "unix:/a/path"),
        ("route = true", "a table"),
    ):
        problems = _route(text)[1]
        assert any(complaint in problem for problem in problems), (text, problems)


def test_a_scanner_that_is_no_keyboard_must_say_what_ends_a_code() -> None:
    assert "is missing" in _route("route = {}", types_keys=False)[1][0]
    assert _route('route = { end = "tab" }', types_keys=False)[1] == []


def test_a_camera_has_no_route() -> None:
    assert any("camera" in problem for problem in _route("route = {}", camera=True)[1])


def test_two_equal_goods_in_a_row_are_two_for_the_pos() -> None:
    assert routed_options({"double_read_ms": 1000, "port": "x"}, Route()) == {"double_read_ms": 0, "port": "x"}
    assert routed_options({"double_read_ms": 1000}, None) == {"double_read_ms": 1000}


@pytest.mark.parametrize("code", ["E322", "E323"])
def test_the_cashier_is_told_in_both_languages_what_to_do(code: str) -> None:
    for language in ("ja", "en"):
        said = words(code, language)
        assert said.title
        assert said.todo


# ---------------------------------------------------------------- the reader process


class Till:
    """A routed serial scanner, its POS, and the agent's side."""

    def __init__(
        self, cable: Any, settings: Any, folder: Path, ours: Callable[[Scan], bool], codes: Callable[[], Rules | None] = lambda: None,
        **route: Any,
    ) -> None:
        self.cable = cable
        self.pos = PosKeyboard(folder / "keys")
        options = {**settings(serial_port.DRIVER, port=cable.path), "double_read_ms": 0}
        wanted = {"answer_ms": PATIENT_MS, **route}  # only the tests about a late answer may have one
        table = {**asdict(Route(keyboard=f"unix:{self.pos.path}", end="enter", **wanted)), "typist": TYPIST}
        self.devices = RemoteDevices("reader", [RemoteDevice("till", SERIAL, options, table)], ours=ours, codes=codes)
        self.got: list[Report] = []

    def until(self, kind: type, count: int = 1, seconds: float = 15) -> list[Any]:
        """The reports of a kind, once there are so many."""
        deadline = time.monotonic() + seconds
        while len(found := [report for report in self.got if isinstance(report, kind)]) < count:
            assert time.monotonic() < deadline, self.got
            self.got += [report for _, report in self.devices.read(0.2)]
        return found

    def pump_until(self, text: str, seconds: float = 15) -> None:
        """Reads what the devices report until the POS holds the text."""
        deadline = time.monotonic() + seconds
        while not self.pos.wait_for(text, 0.01):
            assert time.monotonic() < deadline, self.pos.typed
            self.got += [report for _, report in self.devices.read(0.05)]

    def texts(self) -> list[str]:
        return [report.text for report in self.got if isinstance(report, Scan)]

    def close(self) -> None:
        self.devices.close()
        self.pos.close()


def _rules(scan: Scan) -> bool:
    return is_ours(scan.text, scan.aim, default_rules())


@pytest.fixture
def till(cable: Any, settings: Any, tmp_path: Path) -> Iterator[Callable[..., Till]]:
    made: list[Till] = []

    def make(ours: Callable[[Scan], bool] = _rules, **route: Any) -> Till:
        made.append(Till(cable, settings, tmp_path, ours, **route))
        made[-1].until(Opened)
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_members_come_to_us_and_goods_go_on_in_order(till: Callable[..., Till]) -> None:
    counter = till()
    sent = [PRODUCT, MEMBER, "4912345678904", "4912345678904", MEMBER, "ABC-abc/$.+%", PRODUCT]
    counter.cable.send("".join(f"{text}\r" for text in sent).encode())
    goods = "".join(f"{text}\r" for text in sent if text != MEMBER)
    counter.pump_until(goods)
    assert [scan.text for scan in counter.until(Scan, 2)] == [MEMBER, MEMBER]
    assert counter.pos.typed == goods
    assert counter.pos.stuck == []


def test_many_goods_at_once_are_typed_without_loss(till: Callable[..., Till]) -> None:
    counter = till(lambda scan: False)
    goods = "".join(f"{number:08d}\r" for number in range(150))
    counter.cable.send(goods.encode())
    counter.pump_until(goods)
    assert counter.pos.typed == goods
    assert counter.texts() == []


def test_an_agent_that_does_not_answer_in_time_makes_nobody_wait(till: Callable[..., Till]) -> None:
    def slow(scan: Scan) -> bool:
        time.sleep(0.4)  # the fault: longer than the POS may wait
        return True

    counter = till(slow, answer_ms=20)
    counter.cable.send(f"{MEMBER}\r".encode())
    counter.pump_until(MEMBER + "\r")
    (told,) = counter.until(Told)
    assert told.code == "E323"  # and the agent knows that it was late
    assert counter.texts() == []  # typed on, so not ours as well


def test_an_agent_that_stands_still_leaves_the_pos_working(cable: Any, settings: Any, tmp_path: Path) -> None:
    counter = Till(cable, settings, tmp_path, _rules, answer_ms=10)
    try:
        counter.until(Opened)
        cable.send(f"{PRODUCT}\r".encode() * 3)  # nobody reads the reports now
        assert counter.pos.wait_for(f"{PRODUCT}\r" * 3)
    finally:
        counter.close()


def _nobody_asks(scan: Scan) -> bool:
    pytest.fail(f"asked about {scan}")


def test_an_agent_that_stands_still_lets_no_member_through_to_the_pos(till: Callable[..., Till]) -> None:
    counter = till(_nobody_asks, codes=default_rules)
    counter.cable.send(f"{MEMBER}\r{PRODUCT}\r".encode() * 3)  # nobody reads the reports now
    assert counter.pos.wait_for(f"{PRODUCT}\r" * 3, 30)
    assert [scan.text for scan in counter.until(Scan, 3)] == [MEMBER] * 3


def test_while_there_are_no_rules_every_scan_is_asked_about(till: Callable[..., Till]) -> None:
    codes: list[Rules | None] = [default_rules()]
    counter = till(lambda scan: True, codes=lambda: codes[0])
    counter.cable.send(f"{PRODUCT}\r".encode())
    counter.pump_until(f"{PRODUCT}\r")
    codes[0] = None  # test mode: the technician wants to see every scan
    deadline = time.monotonic() + 30
    while not counter.texts():
        assert time.monotonic() < deadline
        counter.cable.send(f"{PRODUCT}\r".encode())
        counter.got += [report for _, report in counter.devices.read(0.2)]
    assert set(counter.texts()) == {PRODUCT}


def test_rules_that_are_too_many_to_share_are_asked_about(till: Callable[..., Till], caplog: pytest.LogCaptureFixture) -> None:
    denied = dataclasses.replace(default_rules()[0], deny=tuple(f"20{number:011}" for number in range(6000)))
    counter = till(_rules, codes=lambda: (denied,))
    assert "asks for each scan" in caplog.text
    counter.cable.send(f"{MEMBER}\r{PRODUCT}\r".encode())
    counter.pump_until(f"{PRODUCT}\r")
    assert [scan.text for scan in counter.until(Scan)] == [MEMBER]


def test_what_cannot_be_typed_is_told_and_the_next_code_goes_on(till: Callable[..., Till]) -> None:
    counter = till()
    counter.cable.send("商品カード\r".encode("cp932") + f"{PRODUCT}\r".encode())
    counter.pump_until(PRODUCT + "\r")
    (told,) = counter.until(Told)
    assert told.code == "E322"
    assert "no keys for" in told.why


def test_a_damaged_scan_is_told_and_never_typed(till: Callable[..., Till]) -> None:
    counter = till()
    counter.cable.send(b"49012\x0134567894\r" + f"{PRODUCT}\r".encode())
    counter.pump_until(PRODUCT + "\r")
    (scan,) = counter.until(Scan)
    assert scan.quality == "corrupt"


def test_a_keyboard_that_goes_gives_the_scanner_back_and_is_looked_for_again(till: Callable[..., Till]) -> None:
    counter = till()
    counter.pos.hang_up()
    counter.cable.send(f"{PRODUCT}\r".encode())
    deadline = time.monotonic() + 10
    while not any(isinstance(report, Lost) for report in counter.got):  # the first write after a hang-up may still be taken
        assert time.monotonic() < deadline
        counter.cable.send(f"{PRODUCT}\r".encode())
        counter.got += [report for _, report in counter.devices.read(0.2)]
    counter.until(Opened, 2)
    before = counter.pos.typed
    counter.cable.send(b"77777777\r")
    counter.pump_until(before + "77777777\r")


def test_without_the_pos_s_keyboard_the_scanner_is_not_taken(cable: Any, settings: Any, tmp_path: Path) -> None:
    options = {**settings(serial_port.DRIVER, port=cable.path), "double_read_ms": 0}
    table = {**asdict(Route(keyboard=f"unix:{tmp_path / 'nobody'}", end="enter")), "typist": TYPIST}
    devices = RemoteDevices("reader", [RemoteDevice("till", SERIAL, options, table)])
    try:
        reports: list[tuple[str, Report]] = []
        while not reports:
            reports = devices.read(5)
        ((_, lost),) = reports
        assert isinstance(lost, Lost)
        assert "nothing listens" in lost.message
        scanner = serial_port.SerialScanner("the POS itself", options)  # a port that we had taken would be refused here
        scanner.close()
    finally:
        devices.close()


def test_a_killed_reader_process_releases_the_keys_and_the_scanner(till: Callable[..., Till]) -> None:
    counter = till()
    counter.cable.send(f"{PRODUCT}\r".encode())
    counter.pump_until(PRODUCT + "\r")
    assert counter.devices.pid is not None
    os.kill(counter.devices.pid, signal.SIGKILL)
    counter.until(Opened, 2)
    assert counter.pos.down == set()
    counter.cable.send(b"88888888\r")
    counter.pump_until(f"{PRODUCT}\r88888888\r")
