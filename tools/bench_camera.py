"""Owns the camera's figures: `make bench-camera PHOTOS=DIR` on photographs, and `measure` on drawn phone screens for `make bench`.

A folder of photographs holds index.csv with the columns path, format, expected; format NONE marks pictures in which nothing may be found.
Every engine sees the same grey picture in the same run, one thread. A false read is any other text, also where the right one was found
too (a second genuine code in view counts against every engine alike). EAN and UPC compare as 13 digits.
"""

from __future__ import annotations

import csv
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import zxingcpp

from drivers.camera.accept import Acceptance
from drivers.camera.deep import read_deep
from drivers.camera.live import FrameReader, Gate
from drivers.camera.pictures import PictureError, read_picture
from drivers.camera.symbols import RETAIL, decode_text
from posagent.member_code import Refused, classify, default_rules
from posagent.member_code.symbologies import expand_upc_e
from tools.phone_screens import CARRIERS, SIZES, Shot, burst, empty_frame, sequence, shots

MEMBER_FORMATS = ("EAN13", "EAN8", "Code128", "Codabar", "QRCode")
Reading = tuple[str, str]
"""(format, text): what an engine says. Formats of EAN and UPC are one."""
Engine = Callable[[Any], set[Reading]]


def ours_files(luma: Any) -> set[Reading]:
    """`posagent scan decode`."""
    return {normal(symbol.format, symbol.text) for symbol in read_deep(luma)}


def ours_live(luma: Any) -> set[Reading]:
    """Two frames of the live reader without a deadline, all retail formats."""
    return _live(luma, RETAIL)


def ours_member(luma: Any) -> set[Reading]:
    """The same with the formats of member codes only, as a shop sets it up."""
    return _live(luma, MEMBER_FORMATS)


def _live(luma: Any, formats: tuple[str, ...]) -> set[Reading]:
    reader = FrameReader(formats, budget_ns=10**12)
    for _ in range(2):
        if symbols := reader.read_always(luma).symbols:
            return {normal(symbol.format, symbol.text) for symbol in symbols}
    return set()


def zxing_defaults(luma: Any) -> set[Reading]:
    return {normal(code.format.name, _text(code)) for code in zxingcpp.read_barcodes(luma)}


def opencv(luma: Any) -> set[Reading]:
    found: set[Reading] = set()
    _, texts, kinds, _ = cv2.barcode.BarcodeDetector().detectAndDecodeWithType(luma)
    names = {"EAN_13": "EAN13", "EAN_8": "EAN8", "UPC_A": "UPCA", "UPC_E": "UPCE"}
    found |= {normal(names.get(kind, kind), text) for text, kind in zip(texts or (), kinds or (), strict=True) if text}
    try:
        _, texts, _, _ = cv2.QRCodeDetectorAruco().detectAndDecodeMulti(luma)
        found |= {("QRCode", text) for text in texts if text}
    except (UnicodeDecodeError, cv2.error):  # it raises on kanji mode
        pass
    return found


def _pyzbar() -> Engine | None:
    try:
        from pyzbar import pyzbar
    except ImportError:
        return None
    names = {"CODE128": "Code128", "CODE39": "Code39", "CODE93": "Code93", "CODABAR": "Codabar", "I25": "ITF", "QRCODE": "QRCode"}

    def read(luma: Any) -> set[Reading]:
        return {normal(names.get(code.type, code.type), decode_text(code.data)) for code in pyzbar.decode(luma)}

    return read


def engines() -> dict[str, Engine]:
    """Ours and its peers; pyzbar only where its library (libzbar0) is installed."""
    found = {"ours (files)": ours_files, "ours (live)": ours_live, "zxing-cpp defaults": zxing_defaults}
    if zbar := _pyzbar():
        found["pyzbar"] = zbar
    return found | {"OpenCV": opencv}


def normal(format_name: str, text: str) -> Reading:
    """One name and one length for EAN-13, UPC-A and UPC-E; line ends as \\n."""
    if format_name == "UPCE":
        return "EAN13", expand_upc_e(text) or text
    if format_name in {"EAN13", "UPCA"}:
        return "EAN13", text.zfill(13)
    return format_name, text.replace("\r\n", "\n")


def _text(code: Any) -> str:
    return decode_text(bytes(code.bytes)) if code.format.name in {"QRCode", "DataMatrix", "PDF417", "Aztec"} else str(code.text)


# ---------------------------------------------------------------- photographs


@dataclass(slots=True)
class Tally:
    """What one engine did with the pictures of one format."""

    pictures: int = 0
    reads: int = 0
    false: int = 0
    cpu_ms: float = 0.0


@dataclass(slots=True)
class Board:
    """Per format, and in total."""

    by_format: dict[str, Tally] = field(default_factory=dict)

    def add(self, format_name: str, *, hit: bool, false: bool, cpu_ms: float) -> None:
        for name in (format_name, "total"):
            tally = self.by_format.setdefault(name, Tally())
            tally.pictures += name != "total" or format_name != "NONE"
            tally.reads += hit
            tally.false += false
            tally.cpu_ms += cpu_ms


def bench_photos(folder: Path, chosen: dict[str, Engine]) -> dict[str, Board]:
    """Runs every engine over index.csv."""
    boards = {name: Board() for name in chosen}
    with (folder / "index.csv").open(newline="", encoding="utf-8") as index:
        rows = list(csv.DictReader(index))
    for number, row in enumerate(rows, 1):
        if sys.stderr.isatty():
            print(f"\r{number}/{len(rows)}", end="", file=sys.stderr)
        try:
            luma = read_picture(folder / row["path"])
        except PictureError as trouble:
            print(trouble, file=sys.stderr)
            continue
        expected = normal(row["format"], row["expected"])
        for name, engine in chosen.items():
            before = time.process_time()
            found = engine(luma)
            cpu_ms = (time.process_time() - before) * 1e3
            hit = row["format"] != "NONE" and expected in found
            boards[name].add(row["format"], hit=hit, false=bool(found - {expected}), cpu_ms=cpu_ms)
    return boards


def _print(boards: dict[str, Board]) -> None:
    for name, board in boards.items():
        print(f"\n{name}\n  {'format':<12}{'pictures':>9}{'reads':>7}{'share':>8}{'false':>7}{'CPU ms':>9}")
        order = sorted(board.by_format, key=lambda one: (one == "total", one))
        total = sum(tally.pictures for one, tally in board.by_format.items() if one != "total")
        for one in order:
            tally = board.by_format[one]
            share = f"{100 * tally.reads / tally.pictures:.1f} %" if tally.pictures and one != "NONE" else "-"
            count = total if one == "total" else tally.pictures
            print(f"  {one:<12}{tally.pictures:>9}{tally.reads:>7}{share:>8}{tally.false:>7}{tally.cpu_ms / max(count, 1):>9.1f}")


# ---------------------------------------------------------------- drawn screens


def measure(seeds: int = 1) -> list[dict[str, Any]]:
    """The camera's figures on drawn phone screens, as `make bench` prints them. More ``seeds``: more pictures, longer."""
    cv2.setNumThreads(1)
    rows: list[dict[str, Any]] = []
    for lines, size in SIZES.items():
        pictures = list(shots(range(100, 100 + seeds), size))
        ours, peer = _recall(pictures, ours_member), _recall(pictures, zxing_defaults)
        how = f"{ours.pictures} drawn phone screens of {lines} lines, 17 conditions, 4 carriers, seeds from 100; two frames, no deadline"
        goal = {480: 87, 720: 92}.get(lines)
        rows += [
            _row(f"camera reads {lines}", _percent(ours.reads, ours.pictures), "%", goal, "higher", f"{how}; {ours.detail}"),
            _row(f"camera reads {lines}, zxing-cpp", _percent(peer.reads, peer.pictures), "%", None, "higher", f"{how}; {peer.detail}"),
            _row(f"camera false reads {lines}", ours.false, "pictures", None, "lower", f"{how}; without a rule; zxing-cpp {peer.false}"),
            _row(f"camera time {lines}", round(ours.cpu_ms, 1), "CPU ms", None, "lower", f"mean of {how}; zxing-cpp {peer.cpu_ms:.1f}"),
        ]
    return [*rows, *_bursts(20 * seeds), *_empty(100 * seeds), *_sequences(seeds), _gate()]


def _row(name: str, value: Any, unit: str, goal: Any, better: str, how: str) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "goal": goal, "better": better, "how": how}


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1)


@dataclass(frozen=True, slots=True)
class _Recall:
    pictures: int
    reads: int
    false: int
    cpu_ms: float
    detail: str


def _recall(pictures: Iterable[Shot], engine: Engine) -> _Recall:
    reads, false, cpu = Counter[str](), 0, []
    count = Counter[str]()
    for shot in pictures:
        before = time.process_time()
        found = engine(shot.luma)
        cpu.append((time.process_time() - before) * 1e3)
        expected = normal(shot.carrier, shot.text)
        count[shot.carrier] += 1
        reads[shot.carrier] += expected in found
        false += bool(found - {expected})
    detail = ", ".join(f"{carrier} {reads[carrier]}/{count[carrier]}" for carrier in CARRIERS)
    return _Recall(count.total(), reads.total(), false, float(np.mean(cpu)), detail)


def _bursts(bursts: int) -> list[dict[str, Any]]:
    rules, right, wrong = default_rules(), 0, 0
    for seed in range(bursts):
        for carrier in CARRIERS:
            reader, accept = FrameReader(MEMBER_FORMATS, budget_ns=10**12), Acceptance(rules)
            shown = list(burst(carrier, seed))
            scans = [accept.feed(reader.read_always(shot.luma).symbols, at) for at, shot in enumerate(shown)]
            taken = [scan for scan in scans if scan and not isinstance(classify(scan.text, scan.aim, rules), Refused)]
            right += bool(taken) and taken[0].text == shown[0].text
            wrong += any(scan.text != shown[0].text for scan in taken)
    how = f"{bursts * len(CARRIERS)} bursts of three bad frames (blur to 2.2 px, motion to 9 px, gain from 0.2), the demonstration shop's rules"
    return [
        _row("camera wrong members in bursts", wrong, "bursts", 0, "lower", how),
        _row("camera right members in bursts", _percent(right, bursts * len(CARRIERS)), "%", None, "higher", how),
    ]


def _empty(frames: int) -> list[dict[str, Any]]:
    rules, accepted, cpu = default_rules(), 0, []
    for seed in range(frames):
        luma = empty_frame(seed)
        reader = FrameReader(MEMBER_FORMATS)
        before = time.process_time()
        symbols = reader.read_always(luma).symbols
        cpu.append((time.process_time() - before) * 1e3)
        accepted += any(not isinstance(classify(symbol.text, symbol.aim, rules), Refused) for symbol in symbols)
    how = f"{frames} frames of noise, clouds, random bars and letters, 1280 x 720"
    return [
        _row("camera codes accepted where none is", accepted, "frames", 0, "lower", how),
        _row("camera time without a code", round(float(np.median(cpu)), 1), "CPU ms", 33, "lower", f"median of {how}"),
    ]


def _sequences(seeds: int) -> list[dict[str, Any]]:
    after_rest: list[int] = []
    count = 0
    for kind in ("good", "dim", "tilt", "far", "moire", "soft"):
        for carrier in CARRIERS:
            for seed in range(seeds):
                count += 1
                at = _first_scan(sequence(carrier, kind, seed))
                if at is not None:
                    after_rest.append(at - 12)
    how = f"{count} drawn sequences of 40 frames at 30 a second, at rest from frame 12; frames that come during a reading are dropped"
    median, p90 = (int(np.percentile(after_rest, share)) if after_rest else None for share in (50, 90))
    return [
        _row("camera sequences scanned", _percent(len(after_rest), count), "%", 100, "higher", how),
        _row("camera frames to the scan, median", median, "frames after rest", 1, "lower", how),
        _row("camera frames to the scan, p90", p90, "frames after rest", 2, "lower", how),
    ]


def _first_scan(frames: Iterable[Shot]) -> int | None:
    # The budget counts CPU time: what else runs on the machine that measures is no part of the figure.
    reader, accept = FrameReader(MEMBER_FORMATS, clock_ns=time.thread_time_ns), Acceptance(default_rules())
    busy_until = 0.0
    for number, shot in enumerate(frames):
        if number / 30 < busy_until:
            continue
        before = time.process_time()
        scan = accept.feed(reader.read(shot.luma, number * 33_333_333).symbols, number * 33_333_333)
        busy_until = number / 30 + time.process_time() - before
        if scan and scan.text == shot.text:
            return number
    return None


def _gate() -> dict[str, Any]:
    luma, gate = empty_frame(1), Gate()
    before = time.process_time()
    for number in range(1000):
        gate.opens(luma, number)
    cpu_us = round((time.process_time() - before) * 1e3, 1)
    return _row("camera gate", cpu_us, "CPU us a frame", None, "lower", "1000 looks at a still frame of 1280 x 720")


def main(words: list[str]) -> int:
    if len(words) != 1 or not (Path(words[0]) / "index.csv").is_file():
        print("usage: make bench-camera PHOTOS=DIR (a folder with index.csv: path, format, expected)", file=sys.stderr)
        return 2
    cv2.setNumThreads(1)
    chosen = engines()
    if "pyzbar" not in chosen:
        print("pyzbar is left out: its library is missing (apt-get install libzbar0)", file=sys.stderr)
    _print(bench_photos(Path(words[0]), chosen))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
