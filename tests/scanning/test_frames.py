"""The framed protocol between agent and device processes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posagent.frames import MAX_FRAME, FrameError, Frames, encode


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=200), max_size=20), st.integers())
def test_frames_come_out_as_they_went_in_however_the_stream_is_cut(texts: list[str], seed: int) -> None:
    stream = b"".join(encode("scan", text=text) for text in texts)
    chance = random.Random(seed)
    frames, got = Frames(), []
    while stream:
        size = chance.randint(1, 50)
        got += frames.feed(stream[:size])
        stream = stream[size:]
    assert [frame["text"] for frame in got] == texts


def test_half_a_frame_stays_unread() -> None:
    frames = Frames()
    assert frames.feed(encode("scan", text="4901234567894")[:-1]) == []


@pytest.mark.parametrize(
    "stream",
    [
        (MAX_FRAME + 1).to_bytes(4, "big"),
        b"\xff\xff\xff\xff",
        b"\0\0\0\4null",
        b"\0\0\0\2[]",
        b"\0\0\0\2{}",
        b"\0\0\0\3abc",
        b"\0\0\0\x0a" + b'{"type":1}',
        b"\0\0\0\2\xff\xfe",
    ],
)
def test_what_is_not_a_frame_ends_the_connection(stream: bytes) -> None:
    with pytest.raises(FrameError):
        Frames().feed(stream)


def test_a_frame_that_the_other_side_would_refuse_is_not_sent() -> None:
    with pytest.raises(FrameError, match="longer than"):
        encode("scan", text="9" * MAX_FRAME)
