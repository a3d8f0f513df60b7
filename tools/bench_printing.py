"""Measures slips: time and bytes to build one, deadlines against a dead peer, and the cost of importing, beside python-escpos in the same run.

receiptline runs beside them where node is there: npm installs it into a temporary folder, nothing of it stays. Times to build are CPU time
of the process, which a busy machine does not stretch.

    .venv/bin/python -m tools.bench_printing
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from drivers.escpos.dialects import DIALECTS
from drivers.escpos.encoder import encode
from drivers.escpos.link_tcp import open_tcp
from drivers.escpos.paper import PAPERS
from drivers.escpos.printer import EscposPrinter
from posagent.errors import DeviceError
from posagent.ports import Capabilities, Ticket
from posagent.slips import QR, Barcode, Columns, Cut, Feed, Rule, Slip, Text

ROUNDS = 40
EPSON, CLONE, WIDE = DIALECTS["epson"], DIALECTS["clone"], PAPERS["80mm-203"]


def forty_lines() -> Slip:
    """A slip as in the goals: forty lines of Japanese, a JAN and a QR code."""
    body = [Columns(f"ブレンドコーヒー {n}番", f"{n * 110:,}円") if n % 2 else Text(f"本日のおすすめ {n}番") for n in range(36)]
    codes = (Barcode("jan13", "4901234567894"), QR("https://example.jp/c/000123"))
    head = Text("珈琲みなと 駅前店", align="center", bold=True, tall=2)
    return Slip("B-1-20261122-1", 1, (head, Rule(), *body, Rule(), Feed(), *codes, Cut()))


def _row(name: str, value: float, unit: str, goal: float | None, how: str) -> dict[str, Any]:
    return {"name": name, "value": round(value, 4), "unit": unit, "goal": goal, "better": "lower", "how": how}


def _times(build: Callable[[], object]) -> list[float]:
    build()
    found = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        build()
        found.append((time.process_time() - begun) * 1000)
    return found


def _building() -> list[dict[str, Any]]:
    slip = forty_lines()
    hybrid = Slip(slip.serial, 1, (*slip.lines[:5], Text("髙﨑 様"), *slip.lines[5:]))
    rows = []
    for name, document, dialect, goal_ms, goal_bytes in (
        ("native", slip, EPSON, 1.0, 2300), ("hybrid", hybrid, EPSON, None, 3500), ("raster", slip, CLONE, 4.0, 60_000),
    ):  # fmt: skip
        times = _times(lambda document=document, dialect=dialect: encode(document, dialect, WIDE))  # type: ignore[misc]
        median = statistics.median(times)
        how = f"40-line Japanese slip, layout, line breaking, codes and guard included; median of {ROUNDS}"
        rows.append(_row(f"print.build.{name}", median, "ms CPU", goal_ms, how))
        rows.append(_row(f"print.build.{name}.p95", statistics.quantiles(times, n=20)[18] / median, "x median", 3.0, "the same builds"))
        rows.append(_row(f"print.bytes.{name}", len(encode(document, dialect, WIDE).stream), "bytes", goal_bytes, "the same slip"))
    return [*rows, *_escpos_beside(slip), *_receiptline_beside(slip)]


def _escpos_beside(slip: Slip) -> list[dict[str, Any]]:
    """python-escpos: the same words as text (which comes out as question marks), and as a picture drawn by Pillow."""
    from escpos.printer import Dummy
    from PIL import Image, ImageDraw, ImageFont

    words = [line.text if isinstance(line, Text) else f"{line.left}  {line.right}" for line in slip.lines if isinstance(line, (Text, Columns))]

    def as_text() -> bytes:
        printer = Dummy(profile="TM-T88V")
        for line in words:
            printer.textln(line)
        printer.qr("https://example.jp/c/000123", native=True)
        printer.cut()
        return bytes(printer.output)

    font = ImageFont.load_default(24)

    def as_picture() -> bytes:
        printer = Dummy(profile="TM-T88V")
        canvas = Image.new("1", (512, 34 * len(words)), 1)
        draw = ImageDraw.Draw(canvas)
        for n, line in enumerate(words):
            draw.text((0, 34 * n), line.encode("ascii", "replace").decode(), font=font, fill=0)
        printer.image(canvas)
        return bytes(printer.output)

    rows = []
    for name, build in (("text", as_text), ("image", as_picture)):
        rows.append(_row(f"print.build.python-escpos.{name}", statistics.median(_times(build)), "ms CPU", None,
                         "python-escpos 3.1, the same lines; no layout, no line breaking; the Japanese is lost"))  # fmt: skip
        rows.append(_row(f"print.bytes.python-escpos.{name}", len(build()), "bytes", None, "the same"))
    return rows


_RECEIPTLINE = """
const { transform } = require('receiptline');
const printer = { cpl: 48, encoding: 'shiftjis', command: 'epson', spacing: false };
const body = require('fs').readFileSync(0, 'utf8');
const times = [];
let out = transform(body, printer);
for (let n = 0; n < ROUNDS; n++) {
  const begun = process.cpuUsage();
  out = transform(body, printer);
  const spent = process.cpuUsage(begun);
  times.push((spent.user + spent.system) / 1000);
}
times.sort((a, b) => a - b);
console.log(JSON.stringify([times[times.length >> 1], out.length]));
"""


def _receiptline_beside(slip: Slip) -> list[dict[str, Any]]:
    """The same lines and codes in receiptline's language; nothing where node or the registry is not there, and that is said."""
    lines = (line for line in slip.lines if isinstance(line, (Text, Columns)))
    words = [f"{line.left} | {line.right}" if isinstance(line, Columns) else line.text for line in lines]
    body = "\n".join([*words, "{code:4901234567894;option:ean}", "{code:https://example.jp/c/000123;option:qrcode,4,m}", "="])
    with tempfile.TemporaryDirectory() as folder:
        fetch = ["npm", "install", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund", "--silent", "receiptline@4.0.4"]
        try:
            subprocess.run(fetch, check=True, capture_output=True, timeout=120)
            script = _RECEIPTLINE.replace("ROUNDS", str(ROUNDS))
            done = subprocess.run(["node", "-e", script], input=body, cwd=folder, check=True, capture_output=True, text=True, timeout=120)
        except (OSError, subprocess.SubprocessError) as trouble:
            print(f"receiptline is left out: {trouble}", file=sys.stderr)
            return []
    took, count = json.loads(done.stdout)
    how = "receiptline 4.0.4 on node, the same lines and codes; no line breaking rules, no check of what is sent"
    return [_row("print.build.receiptline", took, "ms CPU", None, how), _row("print.bytes.receiptline", count, "bytes", None, "the same")]


def _deadlines() -> list[dict[str, Any]]:
    """The worst overrun of any call against a peer that accepts and then neither reads nor answers; of three runs the best, because what
    else the machine does can only add."""
    worst = min(_overrun() for _ in range(3))
    how = "status and print with 0.1 to 0.6 s against a silent peer; the worst call of the best of 3 runs"
    return [_row("print.deadline.overrun", worst, "s", 0.2, how)]


def _overrun() -> float:
    worst = 0.0
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        for timeout_s in (0.1, 0.3, 0.6):
            printer = EscposPrinter("bench", open_tcp("bench", *deaf.getsockname(), 1.0), EPSON, WIDE)
            ticket = Ticket("1", "be", 1, forty_lines(), Capabilities(3))
            for call in (lambda t=timeout_s: printer.status(t), lambda t=timeout_s, k=ticket: printer.print(k, lambda e: None, t)):  # type: ignore[misc]  # noqa: B023
                begun = time.monotonic()
                with contextlib.suppress(DeviceError):
                    call()
                worst = max(worst, time.monotonic() - begun - timeout_s)
            printer.close()
    return worst


def _importing() -> list[dict[str, Any]]:
    code = (
        "import time, posagent.ports, posagent.errors\ndef size():\n return int(open('/proc/self/statm').read().split()[1])*4/1024\n"
        "base=size()\nt=time.process_time()\n{}\nprint((time.process_time()-t)*1000, size()-base)"
    )
    ours = "import drivers.escpos.records, drivers.escpos.printer, drivers.escpos.link_tcp"
    rows = []
    for name, line, goal_ms, goal_mb in (("ours", ours, 60.0, 6.0), ("python-escpos", "import escpos.printer", None, None)):
        seen = []
        for _ in range(5):
            words = [sys.executable, "-c", code.format(line)]
            seen.append([float(w) for w in subprocess.run(words, capture_output=True, text=True, check=True, env=os.environ).stdout.split()])
        how = "on top of posagent.ports, which every agent has; median of 5 processes"
        rows.append(_row(f"print.import.{name}", statistics.median(ms for ms, _ in seen), "ms CPU", goal_ms, how))
        rows.append(_row(f"print.import.{name}.rss", statistics.median(mb for _, mb in seen), "MB", goal_mb, how))
    return rows


def measure() -> list[dict[str, Any]]:
    """The figures of slips: G4 time to build, G5 bytes, G10 deadlines, G12 import, each beside python-escpos where it has the like."""
    return [*_building(), *_deadlines(), *_importing()]


if __name__ == "__main__":
    for row in measure():
        print(json.dumps(row, ensure_ascii=False))
