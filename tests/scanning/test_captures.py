"""Every capture, replayed whole, byte by byte, and at seeded random cuts, comes out as it is written in its file."""

from __future__ import annotations

import json
import random
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
