"""The doctor's findings on paper, and the code that a support centre reads from it."""

from __future__ import annotations

import json
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from posagent.doctor.slip import LONGEST_CODE, MOST_FINDINGS, base45, on_paper, summary
from virtual_counter.clock import RealClock
from virtual_counter.plain_register import PlainRegister, settings
from virtual_counter.printer import VirtualPrinter
from virtual_counter.profiles import T3_80
from virtual_counter.tcp import serve_tcp

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
PRINTER = '[[printer]]\nname = "slips"\ndriver = "escpos-tcp"\nhost = "127.0.0.1"\nport = {port}\n'


def read(code: str) -> Any:
    """As the support centre does it."""
    raw = bytearray()
    for place in range(0, len(code), 3):
        part = code[place : place + 3]
        value = sum(ALPHABET.index(mark) * 45**power for power, mark in enumerate(part))
        raw += value.to_bytes(len(part) - 1, "big")
    return json.loads(zlib.decompress(bytes(raw)))


def told(**levels: int) -> dict[str, Any]:
    """What a doctor with so many findings of each level says."""
    words = {"ja": {"wrong": "紙" * 400, "todo": "換える"}, "en": {"wrong": "paper", "todo": "change it"}}
    checks = [{"id": f"D-{100 + number}", "findings": [{"level": level, "key": f"finding_{level}_{number}", "detail": "", **words}]}
              for level, count in levels.items() for number in range(count)]  # fmt: skip
    return {"schema": 1, "level": "problem", "checks": checks}


@pytest.mark.parametrize(
    ("plain", "shown"), [(b"AB", "BB8"), (b"Hello!!", "%69 VD92EX0"), (b"base-45", "UJCLQE7W581"), (b"ietf!", "QED8WEX0"), (b"", "")]
)
def test_base45_is_that_of_its_standard(plain: bytes, shown: str) -> None:
    assert base45(plain) == shown  # RFC 9285, section 4


def test_the_code_names_every_finding_while_there_is_room_and_counts_the_rest() -> None:
    found = [["D-100", "problem", "finding_problem_0"], ["D-101", "problem", "finding_problem_1"], ["D-100", "warning", "finding_warning_0"]]
    few = read(summary(told(warning=1, problem=2, ok=5), "0.1.0", "R2", "2026-11-22T14:05"))
    assert few == {"v": 1, "a": "0.1.0", "r": "R2", "t": "2026-11-22T14:05", "m": 0, "f": found}
    code = summary(told(warning=300, problem=200), "0.1.0", "R2", "2026-11-22T14:05")
    many = read(code)
    assert len(code) <= LONGEST_CODE
    assert len(many["f"]) > 20
    assert many["f"][0][1] == "problem"
    assert len(many["f"]) + many["m"] == 500


def test_paper_gets_the_gravest_findings_in_words_that_fit() -> None:
    shown = on_paper(told(unknown=3, warning=15, problem=10), "ja")
    assert [one["level"] for one in shown] == ["problem"] * 10 + ["warning"] * 10
    assert len(shown) == MOST_FINDINGS
    assert len(shown[0]["wrong"]) == 300


def test_findings_come_out_of_the_printer_and_their_code_can_be_scanned(tmp_path: Path) -> None:
    printer = VirtualPrinter(T3_80, RealClock(speed=200))
    server = serve_tcp(printer)
    register = PlainRegister(tmp_path, settings(PRINTER.replace("{port}", str(server.port)), language="ja"))
    try:
        register.start()
        argv = [sys.executable, "-m", "posagent", "doctor", "--quick", "--print", "--settings", str(register.settings)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        assert "slips で点検結果 No. " in done.stderr
        register.until(lambda: any(slip.complete for slip in printer.slips()))
    finally:
        register.end()
        server.stop()
    (slip,) = [slip for slip in printer.slips() if slip.complete]
    (tmp_path / "slip.png").write_bytes(slip.png())
    page = "".join(slip.lines)
    screen = json.loads(subprocess.run([*argv[:4], "--quick", "--json", *argv[-2:]], capture_output=True, text=True, check=False).stdout)
    assert "点検結果" in page
    found = read(next(text for text in slip.scanned() if not text.startswith("0042-")))
    assert found["r"] == "R2"
    assert found["f"]
    for check, level, _ in found["f"]:
        assert level == "unknown" or check in page, "what the code names stands there in words too"
    assert {check for check, *_ in found["f"]} <= {check["id"] for check in screen["checks"]}


def test_without_an_agent_the_screen_is_all_there_is(tmp_path: Path) -> None:
    register = PlainRegister(tmp_path, settings(language="en"))
    argv = [sys.executable, "-m", "posagent", "doctor", "--quick", "--print", "--settings", str(register.settings)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert "Not on paper" in done.stderr
    assert "systemctl start posagent" in done.stderr
    assert "D-101" in done.stdout
