"""Setting a scanner up: calibration in one scan, speed and format in a few, learn mode, the charts, USB numbers, selectors."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from drivers.hotplug import Change, parse
from drivers.scan import calibrate, probe
from drivers.scan.code128 import modules, svg
from drivers.scan.holders import held_by
from drivers.scan.learn import Burst
from drivers.scan.sysfs import Node
from drivers.scan.usb_table import recognise
from posagent.cli.devices import toml_table

# ---------------------------------------------------------------- calibration


@pytest.mark.parametrize("layout", ["us", "jis"])
@pytest.mark.parametrize("prefix, suffix, aim", [("", "", ""), ("#", "%", ""), ("", "", "]C0"), ("!", "", "]C0")])
def test_one_scan_tells_layout_prefix_suffix_and_identifier(key_scanner: Any, layout: str, prefix: str, suffix: str, aim: str) -> None:
    seen = calibrate.judge(key_scanner(layout).scan(prefix + aim + calibrate.TEXT + suffix))
    expected = {"layout": layout} | ({"prefix": prefix} if prefix else {}) | ({"suffix": suffix} if suffix else {})
    assert dict(seen.settings) == expected
    assert seen.aim == (aim[1:] or None)
    assert (seen.gap_ms, seen.keypad, seen.alt_codes) in {(2, False, False), (3, False, False), (4, False, False)}


def test_one_scan_tells_a_missing_terminator_and_inverted_case(key_scanner: Any) -> None:
    assert calibrate.judge(key_scanner("us").scan(calibrate.TEXT, end=None)).settings["terminator"] == "none"
    assert dict(calibrate.judge(key_scanner("us").scan(calibrate.TEXT.swapcase())).settings) == {"layout": "us", "caps": "invert"}


def test_alt_mode_is_recognised(key_scanner: Any) -> None:
    scanner = key_scanner("us")
    seen = calibrate.judge(scanner.alt_bytes(calibrate.TEXT.encode()) + scanner.press(28))
    assert seen.alt_codes
    assert seen.settings


def test_a_layout_that_nobody_knows_is_told_key_by_key(key_scanner: Any) -> None:
    german = key_scanner("us").scan(calibrate.TEXT.translate(str.maketrans("-/@", "/-\"")))
    seen = calibrate.judge(german)
    assert dict(seen.settings) == {}
    assert any("expected '@'" in problem for problem in seen.problems)
    assert any("expected '-'" in problem for problem in seen.problems)
    assert "HID POS" in seen.problems[-1]


def test_a_scan_of_something_else_says_so(key_scanner: Any) -> None:
    assert "scan the calibration code" in calibrate.judge(key_scanner("us").scan("49")).problems[0]


# ---------------------------------------------------------------- serial probe, on a simulated wire


def wire(text: bytes, baud: int, frame_format: str) -> list[tuple[float, int]]:
    """The level changes of an asynchronous line: (seconds, level), start bit 0, least significant bit first."""
    data_bits, parity, stop = int(frame_format[0]), frame_format[1], int(frame_format[2])
    bits: list[int] = [1] * 20
    for byte in text:
        data = [byte >> place & 1 for place in range(data_bits)]
        ones = sum(data)
        extra = {"N": [], "E": [ones & 1], "O": [1 - ones & 1], "S": [0], "M": [1]}[parity]
        bits += [0, *data, *extra, *([1] * stop)]
    return [(place / baud, level) for place, level in enumerate([*bits, *([1] * 40)])]


def hear(line: list[tuple[float, int]], baud: int, frame_format: str) -> list[int | None]:
    """A receiver at its own speed: samples in the middle of its bits; wrong parity or stop bit marks the byte."""
    data_bits, parity = int(frame_format[0]), frame_format[1]
    step, end = line[1][0], line[-1][0]
    levels = [level for _, level in line]

    def level_at(when: float) -> int:
        return levels[min(len(levels) - 1, max(0, int(when / step)))]

    heard: list[int | None] = []
    now = 0.0
    tick = min(step, 1 / baud) / 8
    while now < end:
        if level_at(now):
            now += tick
            continue
        middle = now + 0.5 / baud
        data = [level_at(middle + place / baud) for place in range(1, data_bits + 1)]
        after = data_bits + 1
        good = True
        if parity != "N":
            wanted = {"E": sum(data) & 1, "O": 1 - (sum(data) & 1), "S": 0, "M": 1}[parity]
            good = level_at(middle + after / baud) == wanted
            after += 1
        good = good and level_at(middle + after / baud) == 1
        heard.append(sum(bit << place for place, bit in enumerate(data)) if good else None)
        now = middle + after / baud
        while not level_at(now) and now < end:  # after a framing error: wait for the line to be idle again
            now += tick
    return heard


def probe_simulated(baud: int, frame_format: str, end: bytes = b"\r") -> tuple[int, dict[str, Any]]:
    line = wire(probe.TEXT.encode() + end, baud, frame_format)
    tried: list[probe.Trial] = []
    trial: probe.Trial | None = probe.TRIALS[0]
    while trial:
        tried.append(trial)
        heard = probe.Heard(hear(line, *trial))
        if found := probe.fits(heard):
            return len(tried), {"at": trial, "terminator": found[2]}
        trial = probe.next_trial(tried, heard)
    return len(tried), {}


@pytest.mark.parametrize("baud, frame_format", probe.TRIALS[:8])
@pytest.mark.parametrize("end, name", [(b"\r", "cr"), (b"\r\n", "crlf"), (b"", "none")])
def test_every_delivered_setting_is_found_within_eight_scans(baud: int, frame_format: str, end: bytes, name: str) -> None:
    scans, found = probe_simulated(baud, frame_format, end)
    assert scans <= 8
    assert found["at"][0] == baud
    assert found["terminator"] == name


@pytest.mark.parametrize("frame_format", ["7E1", "7O1", "8E1", "8O1"])
@pytest.mark.parametrize("baud", [4800, 9600, 19200, 38400, 115200])
def test_parity_at_any_speed_is_found(baud: int, frame_format: str) -> None:
    scans, found = probe_simulated(baud, frame_format)
    assert found["at"] == (baud, frame_format)
    assert scans <= 14


@pytest.mark.parametrize("seed", range(30))
def test_a_wrong_setting_never_looks_right(seed: int) -> None:
    chance = random.Random(seed)
    baud, heard_at = chance.sample([4800, 9600, 19200, 38400, 57600, 115200], 2)
    line = wire(probe.TEXT.encode() + b"\r", baud, "8N1")
    assert probe.fits(probe.Heard(hear(line, heard_at, "8N1"))) is None


def test_codes_heard_at_the_wrong_speed_or_parity_never_become_scans() -> None:
    from drivers.scan.assembler import TERMINATORS, Assembler, LineSplitter
    from drivers.scan.content import Content

    chance, passed, told = random.Random(9), [], 0
    for _ in range(150):
        code = "".join(chance.choice("0123456789") for _ in range(13)).encode()
        baud, heard_at = chance.sample([4800, 9600, 19200, 38400, 57600, 115200], 2)
        made = Assembler(LineSplitter(TERMINATORS["any"]), Content())
        scans = []
        for byte in hear(wire(code + b"\r\n", baud, "8N1"), heard_at, "8N1"):
            scans += made.damage("bad byte", 0) if byte is None else made.feed(bytes([byte]), 0)
        scans += made.idle(10**10)
        told += any(scan.quality == "corrupt" for scan in scans)
        passed += [scan.text for scan in scans if scan.quality == "ok"]
    assert told >= 120, told  # far too slow a receiver may hear nothing at all
    assert passed == []


# ---------------------------------------------------------------- learn mode


def test_learn_mode_knows_a_scanner_by_its_speed_and_its_end(key_scanner: Any) -> None:
    assert Burst().feed(key_scanner().scan("4901234567894"))
    assert not Burst().feed(key_scanner(gap_us=30_000).scan("4901234567894"))
    assert not Burst().feed(key_scanner().scan("490"))
    assert not Burst().feed(key_scanner().scan("4901234567894", end=None))


def test_learn_mode_keeps_the_whole_burst_for_calibration(key_scanner: Any) -> None:
    scanner, burst = key_scanner(), Burst()
    burst.feed(scanner.scan("12"))
    scanner.pause(2000)
    stream = scanner.scan(calibrate.TEXT)
    assert not burst.feed(stream[: 24 * 30])
    assert burst.feed(stream[24 * 30 :])
    assert calibrate.judge(burst.events).settings["layout"] == "us"


# ---------------------------------------------------------------- charts


@pytest.mark.parametrize("text", [calibrate.TEXT, probe.TEXT, "0", "~}| "])
def test_the_charts_are_readable_code_128(text: str) -> None:
    zxingcpp = pytest.importorskip("zxingcpp")
    from PIL import Image

    pattern = "0" * 12 + modules(text) + "0" * 12
    row = bytes(0 if module == "1" else 255 for module in pattern for _ in range(3))
    picture = Image.frombytes("L", (len(row), 120), row * 120)
    (found,) = zxingcpp.read_barcodes(picture)
    assert found.text == text
    assert svg(text).count("<rect") == pattern.count("1") + 1


def test_a_chart_cannot_carry_what_code_set_b_has_not() -> None:
    for text in ("", "会員", "a\n"):
        with pytest.raises(ValueError, match="printable ASCII"):
            modules(text)


# ---------------------------------------------------------------- what is plugged in


@pytest.mark.parametrize(
    "vendor, product, mode",
    [(0x0C2E, 0x0B81, "keyboard"), (0x1EAB, 0x0106, "serial"), (0x1EAB, 0x1310, "hid-pos"), (0x1EAB, 0x0C03, "keyboard")],
)
def test_scanners_are_known_by_their_numbers(vendor: int, product: int, mode: str) -> None:
    known = recognise(vendor, product)
    assert known is not None
    assert (known.mode, known.advice) == (mode, "")


@pytest.mark.parametrize(
    "vendor, product, word", [(0x0C2E, 0x0007, "IBM"), (0x05E0, 0x1900, "SNAPI"), (0x05F9, 0x1206, "IBM"), (0x05F9, 0x5204, "set-up")]
)
def test_unusable_modes_are_named_with_the_setup_code(vendor: int, product: int, word: str) -> None:
    known = recognise(vendor, product)
    assert known is not None
    assert word in known.advice
    assert "scan the setup code" in known.advice


def test_a_keyboard_maker_is_no_scanner_maker() -> None:
    assert recognise(0x046D, 0xC31C) is None


def test_selectors_prefer_what_survives_a_replug() -> None:
    node = Node(Path("/dev/input/event5"), Path("/sys"), 0x0C2E, 0x0B61, "SN1", "1-2")
    assert node.selector == "usb:0c2e:0b61:SN1"
    assert Node(node.path, node.sys, 0x0C2E, 0x0B61, "", "1-2").selector == "usb:0c2e:0b61@1-2"
    assert Node(node.path, node.sys, serial="aa:bb:cc:dd:ee:ff", bluetooth=True).selector == "bt:AA:BB:CC:DD:EE:FF"
    for selector in ("usb:0c2e:0b61:SN1", "usb:0C2E:0B61@1-2", "usb:0c2e:0b61", "/dev/input/event5"):
        assert node.matches(selector)
    for selector in ("usb:0c2e:0b61:SN2", "usb:0c2e:0b61@1-3", "usb:0c2e:0b62", "usb:0c2e", "bt:SN1", "", "usb:*"):
        assert not node.matches(selector)


def test_who_holds_a_device_is_named(cable: Any) -> None:
    import subprocess
    import sys

    with subprocess.Popen(
        [sys.executable, "-c", f"f = open({cable.path!r}); print(1, flush=True); input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert f"(pid {holder.pid})" in held_by(cable.path)
        holder.communicate(b"\n")
    assert held_by(cable.path) == ""
    assert held_by("/dev/not-there") == ""


def test_udev_messages_are_read_and_others_ignored() -> None:
    properties = b"ACTION=add\0SUBSYSTEM=input\0DEVNAME=/dev/input/event5\0junk\0"
    header = b"libudev\0" + bytes.fromhex("feedcafe") + (40).to_bytes(4, "little") * 2 + len(properties).to_bytes(4, "little") + bytes(16)
    assert parse(header + properties) == Change("add", "input", "/dev/input/event5")
    assert parse(b"add@/devices/x\0ACTION=add\0") is None
    assert parse(header + properties[:-9]) is None
    assert parse(b"") is None


def test_what_is_pasted_is_toml_that_means_the_same() -> None:
    import tomllib

    settings = {"driver": "wedge", "device": "usb:0c2e:0b61:S\"N\\1", "prefix": "\\x02", "baud": 9600, "typing": False}
    assert tomllib.loads(toml_table("scanner", settings))["scanner"] == [{"name": "scanner-1", **settings}]


def test_the_command_answers_json_and_lists_drivers(capsys: pytest.CaptureFixture[str]) -> None:
    from posagent.cli import main

    assert main(["devices", "--json"]) in {0, 5}
    assert "devices" in json.loads(capsys.readouterr().out)
    assert main(["devices", "--drivers"]) == 0
    assert "serial" in capsys.readouterr().out


def test_calibrating_without_any_keyboard_says_what_to_do(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from posagent.cli import main

    if any(Path("/dev/input").glob("event*")):
        pytest.skip("this machine has keyboards; the fake devices' scenarios cover learn mode")
    assert main(["devices", "--calibrate", "--chart", str(tmp_path / "c.svg"), "--for", "1"]) == 69
    assert "plug the scanner in" in capsys.readouterr().err
    assert "<svg" in (tmp_path / "c.svg").read_text()
