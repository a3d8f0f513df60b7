"""Owns capture files of scanners: records one from a real device, every digit and letter replaced, and replays one through the driver's parser.

    python -m tools.record_capture serial  /dev/ttyACM0           tests/captures/scanning/my-scanner.json  --option baud=9600
    python -m tools.record_capture wedge   usb:0c2e:0b61:SN0001   tests/captures/scanning/my-scanner.json  --option layout=jis
    python -m tools.record_capture hidpos  usb:1eab:0110          tests/captures/scanning/my-scanner.json

Scan a few codes within the time, then look at the "scans" in the file before it is given away: what a member's card says is not in it, because
each digit became another digit and each letter another letter, at random; text beyond ASCII is refused.

A capture says where it is from ("origin"): "recorded" by this tool, "published" (bytes that others recorded and printed), or "constructed"
from a manual or a descriptor. Only the first is a proof that a device behaves so.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import string
import struct
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from drivers.scan import evdev, hidraw, serial_port
from drivers.scan.device_nodes import Parser, choose, open_node, read_node
from drivers.scan.evdev_ioctl import grab, keys_only, use_monotonic_clock
from drivers.scan.hid_descriptor import layouts
from drivers.scan.hidpos_reports import HIDPOS_CONTROLS, HidPosReports
from drivers.scan.keymaps import KEYPAD, LAYOUTS
from drivers.scan.options import content_of, stream_assembler
from drivers.scan.sysfs import nodes
from drivers.scan.wedge_keys import EV_KEY, EVENT, WedgeKeys
from posagent.ports import Driver, Scan

DRIVERS: dict[str, Driver] = {"serial": serial_port.DRIVER, "wedge": evdev.DRIVER, "hidpos": hidraw.DRIVER}
Chunk = tuple[int, bytes]  # (milliseconds since the recording began, what one read handed over)
_BRACKETS = {27, 43}  # "]" in the US and JIS layouts: an AIM identifier may follow
_END_NS = 3_000_000_000


def parser_of(capture: Mapping[str, Any]) -> Parser:
    """The driver's parser with the capture's options."""
    driver = DRIVERS[capture["driver"]]
    options = {name: option.default for name, option in driver.options.items()} | capture["options"]
    match capture["driver"]:
        case "serial":
            return stream_assembler(options, pause_ms=250)[0]
        case "wedge":
            return WedgeKeys(evdev.settings_of(options))
        case _:
            found = layouts(bytes.fromhex(capture["descriptor"]))
            return HidPosReports(found, content_of(options, controls=HIDPOS_CONTROLS), options["double_read_ms"])


def chunks_of(capture: Mapping[str, Any]) -> list[Chunk]:
    """The recorded reads."""
    return [(at, bytes.fromhex(raw)) for at, raw in capture["chunks"]]


def replay(parser: Parser, chunks: Iterable[Chunk]) -> list[Scan]:
    """Feeds the chunks at their times, with the silences between them."""
    scans: list[Scan] = []
    now = 0
    for at_ms, raw in chunks:
        at = at_ms * 1_000_000
        due = now + int(parser.wait_s(now, 60.0) * 1e9)
        if due <= at:
            scans += parser.idle(due)
            scans += parser.idle(at)
        now = at
        scans += parser.feed(raw, now)
    return scans + parser.idle(now + _END_NS // 10) + parser.idle(now + _END_NS)


def anonymous(driver: str, chunks: list[Chunk], chance: random.Random) -> list[Chunk]:
    """The same recording of other codes: every digit another digit, every letter another letter. ValueError for text beyond ASCII."""
    if driver == "wedge":
        return [(at, _other_keys(raw, chance)) for at, raw in chunks]
    return [(at, _other_characters(driver, raw, chance)) for at, raw in chunks]


def _other_keys(events: bytes, chance: random.Random) -> bytes:
    """Digit and letter keys become others of their kind; a release follows its press. Assumes that no chunk ends between the two."""
    plain = {code: pair[0] for code, pair in LAYOUTS["us"].items()}
    kinds = [
        [code for code, character in plain.items() if character.isdigit()],
        [code for code, character in plain.items() if character.isalpha()],
        [code for code, character in KEYPAD.items() if character.isdigit()],
    ]
    down: dict[int, int] = {}
    keep = 0  # keys of an AIM identifier that are still to come
    out = b""
    for sec, usec, kind, code, value in EVENT.iter_unpack(events):
        group = next((codes for codes in kinds if code in codes), None)
        if kind != EV_KEY or group is None:
            if kind == EV_KEY and value == 1 and code in _BRACKETS:
                keep = 2
            out += EVENT.pack(sec, usec, kind, code, value) if kind != 4 else b""  # EV_MSC repeats the key's scancode: left out
            continue
        if value == 1:
            down[code] = code if keep else chance.choice(group)
            keep = max(0, keep - 1)
        out += EVENT.pack(sec, usec, kind, down.get(code, group[0]), value)
    return out


def _other_characters(driver: str, raw: bytes, chance: random.Random) -> bytes:
    start = 5 if driver == "hidpos" else 0  # report id, count and identifier stay
    if any(byte >= 0x80 for byte in raw[start:]):
        raise ValueError("a code holds text beyond ASCII, which cannot be replaced safely: scan test codes only")
    kept = {place for found in re.finditer(rb"\][A-Za-z][0-9A-Za-z]", raw) for place in range(found.start(), found.end())}
    groups = (string.digits, string.ascii_lowercase, string.ascii_uppercase)
    out = bytearray(raw)
    for place in range(start, len(raw)):
        group = next((group for group in groups if chr(raw[place]) in group), "")
        if group and place not in kept:
            out[place] = ord(chance.choice(group))
    return bytes(out)


def record(driver: str, device: str, options: Mapping[str, Any], seconds: float) -> tuple[list[Chunk], str]:
    """(chunks, report descriptor in hex or ""). Raises DeviceError."""
    descriptor_hex = ""
    if driver == "serial":
        port = serial_port.open_port("recorder", device, options["baud"], options["format"])
        descriptor = port.fileno()
    else:
        found = evdev.keyboards() if driver == "wedge" else nodes("hidraw")
        descriptor = open_node("recorder", choose("recorder", device, found).path)
        if driver == "wedge":
            use_monotonic_clock(descriptor)
            keys_only(descriptor)
            grab(descriptor)
        else:
            descriptor_hex = hidraw.report_descriptor(descriptor).hex()
    chunks: list[Chunk] = []
    start = time.monotonic()
    while (left := start + seconds - time.monotonic()) > 0:
        if raw := read_node("recorder", descriptor, 16384, left):
            chunks.append((int((time.monotonic() - start) * 1000), raw))
    return chunks, descriptor_hex


def scans_as_json(scans: Iterable[Scan]) -> list[dict[str, Any]]:
    """What the file says should come out."""
    return [{"text": scan.text, "aim": scan.aim, "quality": scan.quality, "reason": scan.reason} for scan in scans]


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("driver", choices=sorted(DRIVERS))
    asked.add_argument("device", help="port or selector, as `posagent devices` shows it")
    asked.add_argument("file", type=Path)
    asked.add_argument("--option", action="append", default=[], metavar="NAME=VALUE")
    asked.add_argument("--seconds", type=float, default=30)
    asked.add_argument("--title", default="", help="maker, model, firmware")
    args = asked.parse_args()
    given: dict[str, Any] = {name: int(value) if value.isdigit() else value for name, value in (one.split("=", 1) for one in args.option)}
    options = {name: option.default for name, option in DRIVERS[args.driver].options.items()} | given
    print(f"scan some codes within {args.seconds:g} s", file=sys.stderr)
    chunks, descriptor = record(args.driver, args.device, options, args.seconds)
    chunks = anonymous(args.driver, chunks, random.Random(struct.unpack("<Q", random.SystemRandom().randbytes(8))[0]))
    capture: dict[str, Any] = {
        "origin": "recorded",
        "device": args.title or args.device, "source": f"recorded by tools/record_capture.py on {time.strftime('%Y-%m-%d')}, codes replaced",
        "driver": args.driver, "options": given, "descriptor": descriptor, "chunks": [[at, raw.hex()] for at, raw in chunks],
    }  # fmt: skip
    capture["scans"] = scans_as_json(replay(parser_of(capture), chunks))
    args.file.write_text(json.dumps(capture, indent=1, ensure_ascii=False) + "\n", "utf-8")
    for scan in capture["scans"]:
        print(scan)
    return 0 if capture["scans"] else 5


if __name__ == "__main__":
    sys.exit(main())
