"""Owns finding speed and format of a serial scanner: asks for scans of one known code until what arrives is that code.

`next_trial` reads more out of a wrong answer than "wrong": a parity bit taken for data is the high bit of a byte, and its pattern says which
parity; about as many bytes as were sent mean that the speed is right. So mostly only the speed is a search.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers.scan.assembler import TERMINATORS
from drivers.scan.code128 import svg
from drivers.scan.device_nodes import read_node
from drivers.scan.parity_marks import ParityMarks
from drivers.scan.serial_port import mark_bad_bytes, open_port
from posagent.errors import DeviceTimeout

TEXT = "AZ-PROBE-09-az"  # odd and even numbers of one bits, so that parity shows
_DRESSING = 6  # prefix, identifier and terminator
Trial = tuple[int, str]
# The order of what scanners are delivered with (LS4208, Honeywell 4820, MS7600, Denso, Unitech defaults), then the rest.
TRIALS: tuple[Trial, ...] = (
    (9600, "8N1"), (115200, "8N1"), (38400, "8N1"), (9600, "7E1"), (9600, "7O1"), (9600, "8E1"), (19200, "8N1"), (38400, "7S2"),
    (57600, "8N1"), (4800, "8N1"), (2400, "8N1"), (1200, "8N1"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Heard:
    """What one scan sounded like at one setting: bytes, None where the line marked one as damaged, with that byte lost."""

    received: list[int | None]


def fits(heard: Heard) -> tuple[str, str, str] | None:
    """(prefix, suffix, terminator's name) when the code is in it, whole."""
    if None in heard.received:
        return None
    raw = bytes(byte for byte in heard.received if byte is not None)
    before, found, after = raw.partition(TEXT.encode())
    if not found:
        return None
    for name in ("crlf", "cr", "lf", "tab", "etx"):
        end = TERMINATORS[name][0]
        if after.endswith(end):
            return _written(before), _written(after[: -len(end)]), name
    return _written(before), _written(after), "none"


def next_trial(tried: list[Trial], heard: Heard) -> Trial | None:
    """Where to go from a wrong answer; None when every setting was tried."""
    baud = tried[-1][0]
    order: list[Trial] = [(baud, frame_format) for frame_format in _formats_heard(heard)]
    if len(TEXT) <= len(heard.received) <= len(TEXT) + _DRESSING:  # as many bytes as were sent: the speed is right
        order += [(baud, frame_format) for frame_format in ("8E1", "7E1", "8O1", "7O1")]
    return next((trial for trial in (*order, *TRIALS) if trial not in tried), None)


def _formats_heard(heard: Heard) -> list[str]:
    """Formats under which the right text would have sounded like this at 8N1."""
    good = [byte for byte in heard.received if byte is not None]
    text = TEXT.encode()
    low = bytes(byte & 0x7F for byte in good)
    at = low.find(text)
    if at >= 0 and None not in heard.received:
        high = [bool(byte & 0x80) for byte in good[at : at + len(text)]]
        odd_ones = [bool(byte.bit_count() & 1) for byte in text]
        if high == odd_ones:
            return ["7E1"]
        if high == [not odd for odd in odd_ones]:
            return ["7O1"]
        if all(high):
            return ["7M1", "7N2"]
    return []


def probe(port: str, timeout_s: float, say: Callable[[str], None]) -> dict[str, Any]:
    """The settings that fit, by asking for up to as many scans as there are settings. Raises DeviceError."""
    tried: list[Trial] = []
    trial: Trial | None = TRIALS[0]
    while trial is not None:
        tried.append(trial)
        say(f"scan {len(tried)}: scan the probe code once (listening at {trial[0]} {trial[1]})")
        heard = _listen(port, trial, timeout_s)
        if found := fits(heard):
            prefix, suffix, terminator = found
            settings: dict[str, Any] = {"driver": "serial", "port": port, "baud": trial[0], "format": trial[1], "terminator": terminator}
            return settings | ({"prefix": prefix} if prefix else {}) | ({"suffix": suffix} if suffix else {})
        trial = next_trial(tried, heard)
    raise DeviceTimeout(f"{port}: no setting fits; scan the scanner's code for its factory settings (RS-232, 9600 8N1) and try again")


def _listen(port: str, trial: Trial, timeout_s: float) -> Heard:
    """One scan: what comes until the line is silent for 300 ms."""
    opened = open_port("probe", port, *trial)
    marks = ParityMarks() if mark_bad_bytes(opened) else None
    heard: list[int | None] = []
    deadline = time.monotonic() + timeout_s
    try:
        while (now := time.monotonic()) < deadline and len(heard) < 4096:
            chunk = read_node("probe", opened.fileno(), 4096, 0.3 if heard else deadline - now)
            if not chunk:
                break
            for run in marks.split(chunk) if marks else [chunk]:
                heard += [None] if run is None else list(run)
    finally:
        opened.close()
    if not heard:
        raise DeviceTimeout(f"probe: nothing arrived on {port}; is the scanner on this port, and did it beep?")
    return Heard(heard)


def _written(raw: bytes) -> str:
    return "".join(chr(byte) if 0x20 <= byte < 0x7F and byte != 0x5C else f"\\x{byte:02x}" for byte in raw)


def chart(path: Path) -> None:
    """Writes the code to scan."""
    path.write_text(svg(TEXT), "utf-8")
