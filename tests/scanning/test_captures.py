"""Every capture, replayed whole, byte by byte, and at seeded random cuts, comes out as it is written in its file."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tools.record_capture import Chunk, anonymous, chunks_of, parser_of, replay, scans_as_json

FILES = sorted((Path(__file__).parents[1] / "captures" / "scanning").glob("*.json"))
CAPTURES = {path.stem: json.loads(path.read_text("utf-8")) for path in FILES}


def cut(chunks: list[Chunk], sizes: Any) -> list[Chunk]:
    pieces = []
    for at, raw in chunks:
        while raw:
            size = sizes()
            pieces.append((at, raw[:size]))
            raw = raw[size:]
    return pieces


def test_there_are_captures_of_every_transport() -> None:
    assert {capture["driver"] for capture in CAPTURES.values()} == {"serial", "wedge", "hidpos"}
    assert len(CAPTURES) >= 10
    assert any(scan["quality"] == "corrupt" for capture in CAPTURES.values() for scan in capture["scans"])


def test_every_capture_says_whether_it_was_recorded_published_or_constructed() -> None:
    for name, capture in CAPTURES.items():
        assert capture["origin"] in {"recorded", "published", "constructed"}, name
        assert ("constructed" in capture["source"]) >= (capture["origin"] == "constructed"), name


def test_a_port_is_recorded_into_a_capture_that_holds_no_codes_of_anybody(cable: Any, tmp_path: Path) -> None:
    file = tmp_path / "capture.json"
    recorder = subprocess.Popen(
        [sys.executable, "-m", "tools.record_capture", "serial", cable.path, str(file), "--seconds", "2", "--option", "baud=115200"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while recorder.poll() is None:
        cable.send(b"]C12012345678903\r\n")  # the port throws away what came before it was opened
        with suppress(subprocess.TimeoutExpired):
            recorder.wait(0.2)
    recorder.communicate()
    assert recorder.returncode == 0
    capture = json.loads(file.read_text("utf-8"))
    assert (capture["origin"], capture["options"]) == ("recorded", {"baud": 115200})
    assert scans_as_json(replay(parser_of(capture), chunks_of(capture))) == capture["scans"]
    whole = [scan for scan in capture["scans"] if scan["quality"] == "ok"]
    assert {(scan["aim"], len(scan["text"])) for scan in whole} == {("C1", 13)}
    assert "2012345678903" not in {scan["text"] for scan in whole}
    assert b"2012345678903".hex() not in file.read_text("utf-8")


@pytest.mark.parametrize("name", CAPTURES)
def test_a_capture_replays_as_it_says(name: str) -> None:
    capture = CAPTURES[name]
    chunks = chunks_of(capture)
    assert scans_as_json(replay(parser_of(capture), chunks)) == capture["scans"]
    if capture["driver"] == "hidpos":
        return  # the kernel hands over whole reports; half of one is a damaged report, not a cut
    assert scans_as_json(replay(parser_of(capture), cut(chunks, lambda: 1))) == capture["scans"]
    chance = random.Random(20261122)
    for _ in range(8):
        assert scans_as_json(replay(parser_of(capture), cut(chunks, lambda: chance.randint(1, 60)))) == capture["scans"]


# Check bytes and Alt codes do not survive the replacement: such scanners are recorded with test codes only.
REPLACEABLE = [name for name, capture in CAPTURES.items() if capture["options"].get("framing", "line") == "line" and "alt" not in name]


@pytest.mark.parametrize("name", REPLACEABLE)
def test_a_recording_of_it_would_hold_other_codes_of_the_same_shape(name: str) -> None:
    capture = CAPTURES[name]
    before = [scan["text"] for scan in capture["scans"] if scan["quality"] == "ok"]
    if any(not text.isascii() for text in before) and capture["driver"] != "wedge":
        with pytest.raises(ValueError, match="beyond ASCII"):
            anonymous(capture["driver"], chunks_of(capture), random.Random(1))
        return
    after = scans_as_json(replay(parser_of(capture), anonymous(capture["driver"], chunks_of(capture), random.Random(1))))
    texts = [scan["text"] for scan in after if scan["quality"] == "ok"]
    assert [len(text) for text in texts] == [len(text) for text in before]
    assert not set(texts) & set(before)
