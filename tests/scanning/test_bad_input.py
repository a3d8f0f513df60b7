"""Everything that may go wrong in front of the counter, by name: the driver says what it is, and the cashier has one line in each language."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from drivers.camera.driver import CAMERA_FOLDER, CameraScanner
from drivers.camera.pictures import decode_picture
from drivers.scan import serial_port
from drivers.scan.assembler import TERMINATORS, Assembler, LineSplitter
from drivers.scan.content import Content
from drivers.scan.device_nodes import read_node
from drivers.scan.parity_marks import BAD_BYTE
from drivers.scan.wedge_keys import WedgeKeys, WedgeSettings
from posagent.errors import PosagentError
from posagent.member_code import Refused, classify, default_rules
from posagent.messages import words
from posagent.ports import Scan

MS = 1_000_000
DAMAGED = "E320"  # what the agent tells of a damaged scan (tests/agent/test_scans_in_agent.py)


def _serial(raw: bytes, *, damaged_at: int | None = None, **content: Any) -> list[Scan]:
    line = Assembler(LineSplitter(TERMINATORS["any"]), Content(**content))
    scans = line.feed(raw[:damaged_at], 0)
    if damaged_at is not None:
        scans += line.damage(BAD_BYTE, 0) + line.feed(raw[damaged_at:], 0)
    return scans + line.idle(300 * MS) + line.idle(2000 * MS)


def _by_hand(key_scanner: Any) -> list[Scan]:
    typist = key_scanner("us", gap_us=60_000)
    keys = WedgeKeys(WedgeSettings())
    return keys.feed(typist.scan("2012345678903"), 0) + keys.idle(1 << 62)


DAMAGE: dict[str, Callable[[Any], list[Scan]]] = {
    "noise": lambda _: _serial(bytes(range(0x80, 0xA0)) + b"\r"),
    "wrong speed": lambda _: _serial(b"\x00\xf8\x00\x1e\xe6\x00\x98\x1e\r"),
    "wrong parity": lambda _: _serial(b"2012345678903\r", damaged_at=5),
    "half a scan": lambda _: _serial(b"2012345"),
    "two scans glued": lambda _: _serial(b"20123456789032012345678904\r", fixed_length=13),
    "four kilobytes without an end": lambda _: _serial(b"2" * 5000),
    "control bytes": lambda _: _serial(b"2012\x1b[2J345678903\r"),
    "a keyboard in the scanner's place": _by_hand,
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_one_corrupt_scan_without_any_text(name: str, key_scanner: Any) -> None:
    scans = DAMAGE[name](key_scanner)
    assert [scan.quality for scan in scans] == ["corrupt"]
    assert scans[0].text == ""
    assert scans[0].reason
    assert_told(DAMAGED)


def _vanished(cable: Any, settings: Any) -> None:
    scanner = serial_port.SerialScanner("till", settings(serial_port.DRIVER, port=cable.path))
    try:
        cable.send(b"2012345")
        assert scanner.read(0.1) == []
        cable.unplug()
        while True:
            assert all(scan.quality == "corrupt" for scan in scanner.read(1.0))
    finally:
        scanner.close()


def _bomb() -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


class _Black:
    def grab(self, timeout_s: float) -> Any:
        return np.zeros((720, 1280), np.uint8)

    def close(self) -> None:
        return


def test_a_device_that_vanishes_in_mid_scan_is_lost_and_half_a_scan_is_nothing(cable: Any, settings: Any) -> None:
    assert_raises_told("E301", lambda: _vanished(cable, settings))


def test_a_hung_up_descriptor_is_a_lost_device() -> None:
    import os

    near, far = os.pipe()
    os.close(far)
    try:
        assert_raises_told("E301", lambda: read_node("till", near, 64, 1.0))
    finally:
        os.close(near)


def test_a_picture_bomb_is_refused() -> None:
    assert_raises_told("E306", lambda: decode_picture(_bomb(), "bomb.png"))


def test_a_black_camera_is_told() -> None:
    options = {name: option.default for name, option in CAMERA_FOLDER.options.items()}
    assert_raises_told("E310", lambda: CameraScanner("cam", _Black(), options, steady=True))


@pytest.mark.parametrize(
    ("text", "aim"), [("https://pay.example/p/2012345678903", "Q1"), ("2012345678904", "E0"), ("PP-281-000-111-222", "C0")]
)
def test_another_shops_code_has_the_cashiers_words_with_it(text: str, aim: str) -> None:
    verdict = classify(text, aim, default_rules())
    assert isinstance(verdict, Refused)
    assert verdict.ja
    assert verdict.en
    assert text not in verdict.ja + verdict.en


def assert_told(code: str) -> None:
    """One line in each language, with what to do."""
    ja, en = words(code, "ja", {"device": "till"}), words(code, "en", {"device": "till"})
    assert all((ja.title, ja.todo, en.title, en.todo))
    assert ja.title != en.title


def assert_raises_told(code: str, action: Callable[[], Any]) -> None:
    with pytest.raises(PosagentError) as raised:
        action()
    assert raised.value.code == code
    assert_told(code)
