"""What a POS shows its customer: the two command sets, passed on or overheard, and the totals in it."""

# ruff: noqa: E501 - tables are read as one line

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.doors.line_display import DRIVER
from drivers.doors.line_display import DisplayTap as Door
from posagent.door_taps import DisplayTap, Ears
from posagent.doors.display_text import DisplayReader
from posagent.doors.profiles import PLAIN, Profile
from posagent.errors import DeviceError, SettingsError
from posagent.ports import CapturedSale
from virtual_counter.display import LineDisplay

# The published vectors: Chromis/uniCenta's "epson" display, and CD5220 with half-width kana.
EPSON_INIT = bytes.fromhex("1B 40 1B 3D 02 1F 43 00 0C 0B")
EPSON = EPSON_INIT + bytes.fromhex("1B 3D 02 0C 0B") + b"Total:         1,080" + b"     Thank you      "
CD5220 = b"\x1bQA" + bytes.fromhex("BA DE B3 B9 B2") + b"       1,080\r" + b"\x1bQB" + "ｱﾘｶﾞﾄｳｺﾞｻﾞｲﾏｽ".encode("cp932") + b"\r"


class Shown:
    """A display's tap; ``show`` is what stands still, and gives the totals that were told."""

    def __init__(self, profile: Profile = PLAIN) -> None:
        self.tap = DisplayTap("display", Ears(lambda: profile, lambda _receipt: None))

    def show(self, raw: bytes) -> list[int]:
        self.tap.take(raw, "bytes")
        sales = self.tap.take(b"", "silence").sales
        assert not any(sale.paid for sale in sales)
        return [sale.total for sale in sales]


def screen(upper: str, lower: str = "") -> bytes:
    return b"\x0c" + upper.encode("cp932").ljust(20)[:20] + lower.encode("cp932").ljust(20)[:20]


@pytest.mark.parametrize("raw", [EPSON, CD5220], ids=["epson", "cd5220"])
def test_the_published_displays_show_1080(raw: bytes) -> None:
    assert Shown().show(raw) == [1080]


def test_the_lines_are_those_of_the_tube() -> None:
    reader = DisplayReader()
    reader.feed(EPSON)
    assert reader.lines == ("Total:         1,080", "     Thank you")
    reader.feed(b"\x1f$\x01\x02Cash           2,000\x1f$\x10\x010,080")
    assert reader.lines == ("Total:         0,080", "Cash           2,000")
    reader.feed(b"\x0b\x18ABC\x1b[H\x1b[CX")
    assert reader.lines[0] == "AXC"
    reader.feed(b"\x0c\x1f\x02" + b"1" * 20 + b"2" * 20 + b"3")
    assert reader.lines == ("2" * 20, "3")


def test_a_total_is_told_once_and_again_for_the_next_customer() -> None:
    shown = Shown()
    assert shown.show(screen("ｺｰﾋｰ            450", "ｼｮｳｹｲ           450")) == []
    assert shown.show(screen("ｺﾞｳｹｲ        1,080")) == [1080]
    assert shown.show(screen("ｺﾞｳｹｲ        1,080")) == []
    assert shown.show(screen("いらっしゃいませ")) == []  # an advertisement between
    assert shown.show(screen("ｺﾞｳｹｲ        1,080")) == []
    assert shown.show(screen("ｱｽﾞｶﾘ        2,000", "ｵﾂﾘ            920")) == []
    assert shown.show(screen("ｺﾞｳｹｲ        1,080")) == [1080]
    assert shown.show(screen("合計", "          1,180円")) == [1180]


@pytest.mark.parametrize("upper, lower", [("ｼｮｳｹｲ        1,080", ""), ("ｵﾂﾘ          1,080", ""), ("ﾍﾝﾋﾟﾝ ｺﾞｳｹｲ -1,080", ""), ("ｾｲｻﾝ", "ｺﾞｳｹｲ      102,300"), ("12:34   2026/11/22", "")])
def test_nothing_else_on_a_display_is_a_total(upper: str, lower: str) -> None:
    assert Shown().show(screen(upper, lower)) == []


def test_a_register_that_shows_only_a_subtotal_is_told_so_by_its_profile() -> None:
    assert Shown(Profile(name="old", total=("小計",))).show(screen("ｼｮｳｹｲ        1,080")) == [1080]


BYTES = st.lists(st.binary(max_size=12) | st.sampled_from([b"\x1b", b"\x1f", b"\x1bQA", b"\x1b[", b"\x1f(", b"\x1bW", b"\x1b&\x01AB", b"\r", b"1,080"]), max_size=20).map(b"".join)


@given(BYTES, st.lists(st.integers(0, 240), max_size=6))
@settings(deadline=None)  # the machine may be busy
def test_how_the_bytes_arrive_changes_nothing_on_the_tube(raw: bytes, cuts: list[int]) -> None:
    whole, parts = DisplayReader(), DisplayReader()
    whole.feed(raw)
    bounds = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    for begin, end in pairwise(bounds):
        parts.feed(raw[begin:end])
    assert whole.lines == parts.lines


class Running:
    """A display door with its thread."""

    def __init__(self, **options: Any) -> None:
        self.door = Door("display", {name: option.default for name, option in DRIVER.options.items()} | options)
        self.door.understand_with(DisplayTap("display", Ears(lambda: PLAIN, lambda _receipt: None)).take)
        self.sales: list[CapturedSale] = []
        self.troubles: list[DeviceError] = []
        self._stop = threading.Event()
        self.news = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                if found := self.door.read(0.05):
                    self.sales += found
                    self.news.set()
        except DeviceError as trouble:
            self.troubles.append(trouble)
            self.news.set()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)
        self.door.close()


@pytest.fixture
def tube(tmp_path: Path) -> Iterator[LineDisplay]:
    made = LineDisplay(tmp_path / "real")
    yield made
    made.close()


def wait_for(holds: Any) -> None:
    pause = threading.Event()
    for _ in range(2000):
        if holds():
            return
        pause.wait(0.005)
    pytest.fail("the condition did not come true in time")


def test_passed_on_the_real_display_shows_what_the_pos_shows(tmp_path: Path, tube: LineDisplay) -> None:
    running = Running(listen=str(tmp_path / "ours"), forward=str(tube.link))
    pos = os.open(tmp_path / "ours", os.O_RDWR | os.O_NOCTTY)
    try:
        os.write(pos, EPSON)
        assert running.news.wait(5)
        assert [sale.total for sale in running.sales] == [1080]
        assert not running.sales[0].paid
        wait_for(lambda: tube.lines()[0].startswith("Total:"))
        tube.unplug()
        running.news.clear()
        os.write(pos, screen("ITEM 500") + screen("Total 1,200"))
        assert running.news.wait(5)  # without the real display as well
        assert running.sales[-1].total == 1200
    finally:
        os.close(pos)
        running.stop()


def test_overheard_nothing_is_ever_sent_to_the_line(tmp_path: Path) -> None:
    master, slave = os.openpty()
    running = Running(tap=os.ttyname(slave))
    try:
        os.write(master, CD5220)
        assert running.news.wait(5)
        assert [sale.total for sale in running.sales] == [1080]
        os.set_blocking(master, False)
        with pytest.raises(BlockingIOError):
            os.read(master, 1)
    finally:
        running.stop()
        os.close(master)
        os.close(slave)


def test_a_door_is_either_passed_or_overheard() -> None:
    options = {name: option.default for name, option in DRIVER.options.items()}
    for wrong in ({}, {"listen": "/tmp/a", "tap": "/dev/ttyS9"}):
        with pytest.raises(SettingsError, match="either"):
            Door("display", options | wrong)
