"""From bytes to scans: whatever the noise, nothing comes out that was not a whole scan."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.scan.assembler import MS, TERMINATORS, Assembler, LineSplitter
from drivers.scan.content import Content, DoubleReads, Piece, gtin_valid
from drivers.scan.parity_marks import ParityMarks
from drivers.scan.ssi import ACK, DECODE_DATA, NAK, SsiSplitter, packet
from drivers.scan.stx_frames import FrameSplitter
from posagent.ports import Scan

JAN = "4901234567894"


def assembler(terminator: str = "any", *, pause_ms: int = 200, double_read_ms: int = 0, **content: Any) -> Assembler:
    return Assembler(LineSplitter(TERMINATORS[terminator], pause_ms=pause_ms), Content(**content), DoubleReads(double_read_ms))


def told(scans: list[Scan]) -> list[str]:
    return [scan.text if scan.quality == "ok" else f"corrupt: {scan.reason}" for scan in scans]


@pytest.mark.parametrize(
    "terminator, end", [("any", b"\r"), ("any", b"\n"), ("any", b"\r\n"), ("any", b"\t"), ("any", b"\x03"), ("cr", b"\r"), ("crlf", b"\r\n")]
)
def test_a_terminator_ends_a_code(terminator: str, end: bytes) -> None:
    assert told(assembler(terminator).feed(JAN.encode() + end + JAN[::-1].encode() + end, 0)) == [JAN, JAN[::-1]]


def test_two_scans_in_one_read_are_two_scans() -> None:
    assert told(assembler().feed(b"4901234567894\r4912345678904\r", 0)) == [JAN, "4912345678904"]


@pytest.mark.parametrize(
    "raw, text, aim",
    [
        (b"]E04901234567894\r", JAN, "E0"),
        (b"]d201049123456789041712\x1d10A\r", "01049123456789041712\x1d10A", "d2"),
        (b"]4901234567894\r", "]" + JAN, None),
        (b"]?14901234567894\r", "]?1" + JAN, None),
        (b"\xef\xbb\xbfABC\r", "ABC", None),
    ],
)
def test_the_aim_identifier_is_taken_off_only_where_it_is_one(raw: bytes, text: str, aim: str | None) -> None:
    (scan,) = assembler().feed(raw, 5)
    assert (scan.text, scan.aim, scan.at_ns) == (text, aim, 5)


@pytest.mark.parametrize("raw", [b"#]C012345$\r", b"]C0#12345$\r"])
def test_prefix_and_suffix_go_whichever_side_the_identifier_stands(raw: bytes) -> None:
    (scan,) = assembler(prefix=b"#", suffix=b"$").feed(raw, 0)
    assert (scan.text, scan.aim) == ("12345", "C0")


@pytest.mark.parametrize("raw, reason", [(b"12345$\r", "prefix"), (b"#12345\r", "suffix")])
def test_a_code_without_the_configured_prefix_or_suffix_is_damaged(raw: bytes, reason: str) -> None:
    (scan,) = assembler(prefix=b"#", suffix=b"$").feed(raw, 0)
    assert scan.quality == "corrupt"
    assert reason in scan.reason


def test_replies_to_commands_are_no_scans() -> None:
    assert assembler().feed(b"]Z6REVINF.\r", 0) == []


@pytest.mark.parametrize(
    "raw", [b"49012\x0034567894\r", b"4901\x7f234567894\r", b"\x1b[A123\r", b"49\r", b"\xff\xfe\x80\x81\x82\r", b"\x80\xa0\xfd123\r"]
)
def test_noise_inside_a_code_makes_it_corrupt(raw: bytes) -> None:
    (scan,) = assembler().feed(raw, 0)
    assert (scan.quality, scan.text) == ("corrupt", "")
    assert scan.reason


@pytest.mark.parametrize(
    "text, encoded, encoding",
    [
        ("会員証①髙～", "会員証①髙～".encode(), ""),
        ("会員①髙～", "会員①髙～".encode("cp932"), ""),
        ("ｶｲｲﾝ", "ｶｲｲﾝ".encode("cp932"), ""),
        ("é\x1d12", b"\xe9\x1d12", "latin-1"),
    ],
)
def test_japanese_is_read_from_utf8_or_cp932_or_what_is_configured(text: str, encoded: bytes, encoding: str) -> None:
    assert told(assembler(encoding=encoding).feed(encoded + b"\r", 0)) == [text]


def test_a_scanner_said_to_be_ascii_may_send_nothing_else() -> None:
    assert told(assembler(encoding="ascii").feed("会員".encode() + b"\r", 0))[0].startswith("corrupt: byte 0xE4 is not ASCII")


def test_without_a_terminator_a_pause_ends_the_code() -> None:
    made = assembler("none", pause_ms=60)
    assert made.feed(b"49012", 0) == []
    assert made.feed(b"34567894", 20 * MS) == []
    assert made.wait_s(20 * MS, 9.0) == pytest.approx(0.06)
    assert made.idle(79 * MS) == []
    assert told(made.idle(80 * MS)) == [JAN]
    assert made.wait_s(80 * MS, 9.0) == 9.0


def test_half_a_scan_is_told_and_its_late_tail_is_not_a_scan() -> None:
    made = assembler()
    made.feed(b"490123", 0)
    assert told(made.idle(200 * MS))[0].startswith("corrupt: stopped in the middle")
    assert made.feed(b"4567894\r", 500 * MS) == []
    assert told(made.feed(b"4901234567894\r", 600 * MS)) == [JAN]


def test_after_a_second_of_silence_the_next_scan_counts() -> None:
    made = assembler()
    made.feed(b"490123", 0)
    made.idle(200 * MS)
    assert made.idle(1000 * MS) == []
    assert told(made.feed(b"4901234567894\r", 1100 * MS)) == [JAN]


def test_half_a_scan_that_nobody_waited_for_does_not_glue_to_the_next() -> None:
    made = assembler()
    made.feed(b"490123", 0)
    first, second = told(made.feed(b"4901234567894\r", 3000 * MS))
    assert first.startswith("corrupt: stopped")
    assert second == JAN


def test_our_own_delay_between_two_reads_is_no_pause_of_the_scanner() -> None:
    made = assembler()
    made.feed(b"490123", 0)
    assert told(made.feed(b"4567894\r", 700 * MS)) == [JAN]


def test_glued_scans_of_fixed_length_are_parted_when_every_part_checks() -> None:
    made = assembler("none", pause_ms=60, fixed_length=13)
    made.feed(b"49012345678944912345678904", 0)
    assert told(made.idle(100 * MS)) == [JAN, "4912345678904"]


@pytest.mark.parametrize("raw", [b"49012345678944912345678903", b"4901234567894491234567890", b"490123456789"])
def test_glued_scans_that_do_not_check_are_corrupt_not_cut(raw: bytes) -> None:
    made = assembler("none", pause_ms=60, fixed_length=13)
    made.feed(raw, 0)
    assert [scan.quality for scan in made.idle(100 * MS)] == ["corrupt"]


@pytest.mark.parametrize("digits, valid", [(JAN, True), ("49123456", True), ("4901234567893", False), ("490123456789x", False), ("４", False)])
def test_gtin_check_digits(digits: str, valid: bool) -> None:
    assert gtin_valid(digits) is valid


def test_the_same_code_again_within_a_second_is_one_scan_and_later_two() -> None:
    made = assembler(double_read_ms=1000)
    times = (0, 400, 1300, 2299, 3300)
    assert [len(made.feed(b"4901234567894\r", at * MS)) for at in times] == [1, 0, 0, 0, 1]


def test_another_code_in_between_is_not_a_double_read() -> None:
    made = assembler(double_read_ms=1000)
    assert len(made.feed(b"111111\r222222\r111111\r", 0)) == 3


def test_four_kilobytes_without_an_end_are_one_corrupt_scan_and_bounded_memory() -> None:
    splitter = LineSplitter(TERMINATORS["any"])
    made = Assembler(splitter, Content())
    scans = [scan for at in range(2000) for scan in made.feed(b"x" * 100, at * MS)]
    assert [scan.quality for scan in scans] == ["corrupt"]
    assert len(splitter._buffer) < 5000
    assert told(made.feed(b"yyy\r4901234567894\r", 2001 * MS)) == [JAN]


def test_damage_reported_by_the_transport_spoils_the_scan_it_falls_into_only() -> None:
    made = assembler()
    made.feed(b"111111\r49", 0)
    assert made.damage("a bad byte", 1) == []
    assert told(made.feed(b"34567894\r222222\r", 2)) == ["corrupt: a bad byte", "222222"]


def test_damage_in_front_of_a_scan_belongs_to_it() -> None:
    made = assembler()
    made.damage("a bad byte", 10_000 * MS)
    assert told(made.feed(b"901234567894\r", 10_001 * MS)) == ["corrupt: a bad byte"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("0123456789ABC-", min_size=3, max_size=40), max_size=8), st.sampled_from([b"\r", b"\n", b"\r\n", b"\t"]), st.integers())
def test_scans_come_out_whole_however_the_stream_is_cut(codes: list[str], end: bytes, seed: int) -> None:
    chance, made, got = random.Random(seed), assembler(), []
    stream = b"".join(code.encode() + end for code in codes)
    while stream:
        size = chance.randint(1, 30)
        got += made.feed(stream[:size], 0)
        stream = stream[size:]
    assert told(got) == codes


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=80), max_size=20), st.sampled_from(["line", "frames", "bcc", "ssi"]))
def test_noise_never_raises_and_never_carries_a_control_character(chunks: list[bytes], kind: str) -> None:
    splitter = {
        "line": LineSplitter(TERMINATORS["any"]), "frames": FrameSplitter(), "bcc": FrameSplitter(bcc=True), "ssi": SsiSplitter()
    }[kind]  # fmt: skip
    made = Assembler(splitter, Content(), DoubleReads(0))
    for at, chunk in enumerate(chunks):
        for scan in made.feed(chunk, at * 100 * MS):
            assert (scan.quality == "ok") == bool(scan.text)
            assert not any(character < " " and character != "\x1d" for character in scan.text)
    made.idle(10**12)
    assert made.wait_s(10**12, 1.0) <= 1.0


# ---------------------------------------------------------------- frames


def frames(stream: bytes, *, bcc: bool = False, then_idle: bool = True) -> list[str]:
    made = Assembler(FrameSplitter(bcc=bcc), Content(), DoubleReads(0))
    got = [scan for byte in stream for scan in made.feed(bytes([byte]), 0)]
    return told(got + (made.idle(10**10) if then_idle else []))


def with_bcc(text: bytes) -> bytes:
    check = 0
    for byte in text + b"\x03":
        check ^= byte
    return b"\x02" + text + b"\x03" + bytes([check])


def test_frames_between_stx_and_etx_are_codes() -> None:
    assert frames(b"\x024901234567894\x03\x0212345\x03\r\n") == [JAN, "12345"]


def test_the_block_check_character_must_match() -> None:
    good = with_bcc(b"4901234567894")
    assert frames(good + with_bcc(b"12345"), bcc=True) == [JAN, "12345"]
    for place in range(1, len(good) - 2):
        flipped = good[:place] + bytes([good[place] ^ 4]) + good[place + 1 :]
        assert all(text.startswith("corrupt") for text in frames(flipped, bcc=True))


def test_a_block_check_character_may_look_like_a_frame_character() -> None:
    text = next(code for number in range(10**6) if with_bcc(code := b"%06d" % number)[-1] in b"\x02\x03\r")
    assert frames(with_bcc(text) + with_bcc(b"777777"), bcc=True) == [text.decode(), "777777"]


def test_bytes_outside_frames_are_noise_and_told_once() -> None:
    got = frames(b"4901234567894\r\x0212345\x03")
    assert got[0].startswith("corrupt: bytes outside a frame")
    assert got[1:] == ["12345"]


def test_a_frame_that_never_ends_is_told_and_the_next_one_counts() -> None:
    got = frames(b"\x02490123" + b"\x0212345\x03")
    assert got == ["corrupt: a frame without an end", "12345"]
    assert frames(b"\x02490123") == ["corrupt: a frame without an end"]
    assert frames(b"\x02" + b"9" * 5000 + b"\x03\x0212345\x03") == ["corrupt: a frame of more than 4096 bytes", "12345"]


# ---------------------------------------------------------------- SSI


DECODED = bytes.fromhex("12 F3 00 00 0B 34 39 30 31 32 33 34 35 36 37 38 39 34 FC 42")


def ssi() -> tuple[SsiSplitter, Assembler]:
    splitter = SsiSplitter()
    return splitter, Assembler(splitter, Content(), DoubleReads(0))


def test_ssi_packets_have_the_published_bytes() -> None:
    assert packet(ACK) == bytes.fromhex("04 D0 04 00 FF 28")
    assert packet(NAK, b"\1") == bytes.fromhex("05 D1 04 00 01 FF 25")
    assert packet(DECODE_DATA, b"\x0b4901234567894", source=0) == DECODED


def test_a_decoded_code_is_acknowledged_and_delivered() -> None:
    splitter, made = ssi()
    scans = [scan for byte in DECODED for scan in made.feed(bytes([byte]), 0)]
    assert [(scan.text, scan.aim) for scan in scans] == [(JAN, "E0")]
    assert splitter.take_reply() == packet(ACK)
    assert splitter.take_reply() == b""


def test_a_retransmission_of_what_arrived_is_acknowledged_and_not_a_second_scan() -> None:
    splitter, made = ssi()
    made.feed(DECODED, 0)
    assert made.feed(packet(DECODE_DATA, b"\x0b4901234567894", source=0, status=1), 1) == []
    assert splitter.take_reply() == packet(ACK) * 2
    assert len(made.feed(DECODED, 2)) == 1


def test_a_damaged_packet_is_asked_for_again_and_the_good_one_counts() -> None:
    splitter, made = ssi()
    assert made.feed(DECODED[:-1] + b"\0", 0) == []
    assert splitter.take_reply() == packet(NAK, b"\1")
    assert told(made.feed(packet(DECODE_DATA, b"\x0b4901234567894", source=0, status=1), 100 * MS)) == [JAN]
    assert made.idle(10**10) == []


def test_a_damaged_packet_that_never_comes_again_is_a_corrupt_scan() -> None:
    _, made = ssi()
    made.feed(DECODED[:-1] + b"\0", 0)
    assert told(made.idle(10**10)) == ["corrupt: SSI checksum does not match: bad cable or noise"]
    made.feed(DECODED[:9], 20 * 10**9)
    assert told(made.idle(30 * 10**9)) == ["corrupt: half an SSI packet"]


# ---------------------------------------------------------------- parity marks


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 255)), max_size=40), st.integers())
def test_marked_bytes_are_found_however_the_stream_is_cut(line: list[int | None], seed: int) -> None:
    stream = b"".join(b"\xff\x00\x55" if byte is None else b"\xff\xff" if byte == 255 else bytes([byte]) for byte in line)
    chance, marks, got = random.Random(seed), ParityMarks(), []
    while stream:
        size = chance.randint(1, 4)
        for run in marks.split(stream[:size]):
            got += [None] if run is None else list(run)
        stream = stream[size:]
    assert got == line


def test_a_piece_with_a_reason_is_never_read() -> None:
    (scan,) = Content().read(Piece(b"4901234567894", 7, "parity"))
    assert scan == Scan("", None, "corrupt", "parity", 7)
