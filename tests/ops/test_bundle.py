"""The support file: it holds what the help desk asks for, and not one member's number, code, key or PIN."""

from __future__ import annotations

import json
import random
import re
import zipfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from offline_queue.events import NewEvent, NewJob
from offline_queue.journal import Journal
from posagent.bundle import masked, parts, without_secrets, write
from posagent.cli import main
from posagent.doctor.case import Case
from posagent.doctor.examine import examine
from posagent.doctor.host import Host, Ran
from posagent.settings import load_settings

EXAMPLE = Path(__file__).parents[2] / "config" / "posagent.example.toml"
AT = "2026-11-22T12:00:00+09:00"
PIN = 'pin = "scrypt:16384:8:1:c2FsdHNhbHQ:aGFzaGhhc2g"'


def _numbers(seed: int, count: int) -> list[str]:
    """Members' numbers as shops have them: JAN, NW-7 with its start and stop, long app numbers, coupon codes."""
    draw = random.Random(seed)
    made = []
    for _ in range(count):
        digits = "".join(draw.choice("0123456789") for _ in range(draw.choice([8, 10, 13, 16, 20])))
        coupon = "C" + "".join(draw.choice("0123456789ABCDEFGHJKMNPQRSTVWXYZ") for _ in range(16))
        made.append(draw.choice([digits, f"A{digits}B", f"m:{digits}", coupon]))
    return made


def test_ten_thousand_numbers_in_a_log_leave_none_behind() -> None:
    numbers = _numbers(7, 10_000)
    log = "\n".join(f"2026-11-22T12:00:00+0900 register posagent[812]: scan of {number} refused, {number}" for number in numbers)
    text = masked(log)
    assert set(numbers) & set(re.findall(r"[\w:]+", text)) == set()
    assert not re.search(r"(?<![-:T+\d])\d{8,}", text), "nor a part of one"
    assert text.count("2026-11-22T12:00:00+0900") == 10_000, "times stay"
    assert "posagent[812]" in text


def test_a_number_is_masked_whatever_stands_beside_it() -> None:
    for words in ("card:{}", "read {}.", "card-{}", "https://m.example/c/{}?x=1", "x{}y", "{}:refused", '"{}"'):
        assert "2912345678901" not in masked(words.format("2912345678901")), words
    assert masked("2026-11-22T12:00:00+0900 job 4711") == "2026-11-22T12:00:00+0900 job 4711"


def test_secrets_in_the_settings_are_blanked_and_the_rest_stays() -> None:
    text = without_secrets(f'[screen]\nlisten = "127.0.0.1:8931"\n[[staff]]\ncode = "M01"\n{PIN}\n[cloud]\ncredentials = "register.json"\n')
    assert "scrypt" not in text
    assert "register.json" not in text
    assert 'listen = "127.0.0.1:8931"' in text
    assert 'code = "M01"' in text


@pytest.fixture
def case(tmp_path: Path) -> Case:
    directory = tmp_path / "journal"
    directory.mkdir(mode=0o700)
    text = EXAMPLE.read_text("utf-8").replace('# directory = "/var/lib/posagent"', f'directory = "{directory}"')
    file = tmp_path / "posagent.toml"
    file.write_text(f'{text}\n[[staff]]\ncode = "M01"\nrole = "manager"\n{PIN}\n', "utf-8")
    journal = Journal.open(directory, source="/t/acme/s/0042/r/R2", reserve_mb=0)
    said = {"masked": "**** 4821", "points": 3, "note": "2912345678901"}
    event = NewEvent("posagent.sale.granted.v1", "m:2912345678901", "k1", AT, said)
    journal.put([event], [NewJob("front", "S1", b"2912345678901")]).result(60)
    journal.close()
    log = "2026-11-22T12:00:00+0900 till posagent[8]: card 2912345678901 refused"
    host = Host(run=lambda command: Ran(0, log) if "--unit=posagent" in command else Ran(127, ""), now=lambda: datetime.fromisoformat(AT))
    settings = load_settings(EXAMPLE)[0]
    return Case(host, file, replace(settings, journal=directory), "", "down", None, None, ())


def test_the_file_holds_what_support_asks_for_and_nothing_of_a_member(case: Case, tmp_path: Path) -> None:
    contents = parts(case, examine(case, quick=True))
    texts = {"settings.txt", "log.txt", "machine.txt", "versions.txt"}
    assert {"doctor.json", "journal.json", "jobs.json", "devices.json", *texts} == set(contents)
    file = tmp_path / "support.zip"
    size = write(file, contents)
    assert size < 5 << 20
    assert file.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(file) as packed:
        for name in ("doctor.json", "journal.json", "jobs.json", "devices.json"):
            json.loads(packed.read(name))
        whole = "\n".join(packed.read(name).decode() for name in packed.namelist())
    assert "2912345678901" not in whole
    assert "posagent.sale.granted.v1" in whole
    assert "D-201" in whole
    assert re.search(r'"state": "QUEUED"', whole)
    with pytest.raises(FileExistsError):
        write(file, contents)


def test_the_command_writes_lists_and_says_why_it_cannot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "support.zip"
    assert main(["bundle", str(file), "--settings", str(EXAMPLE)]) == 0
    assert "send it to support" in capsys.readouterr().out
    assert main(["bundle", "--list", "--settings", str(EXAMPLE)]) == 0
    assert "versions.txt" in capsys.readouterr().out
    assert main(["bundle", str(tmp_path / "no" / "such.zip"), "--settings", str(EXAMPLE)]) == 69
    assert "name another place" in capsys.readouterr().err
