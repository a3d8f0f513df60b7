"""The wire format: published vectors, strictness, bounds, signatures, signed files."""

from __future__ import annotations

import gzip
import json
import random
import uuid
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline_queue import wire
from offline_queue.answers import Answer, Item, Problem, encode_answer, encode_problem, parse_answer, parse_problem
from offline_queue.chain import digest, first_link, next_link, walk
from offline_queue.errors import EventRefused, SignatureRefused, WireError
from offline_queue.signature import Key, claimed_key, sign, signature_base, verify
from offline_queue.signed_file import FileShelf, from_answer, headers_of, sign_file
from offline_queue.uuid7 import uuid7
from offline_queue.wire import (
    Withheld,
    assemble,
    b64,
    business_digest,
    check_content_digest,
    content_digest,
    decode_event,
    encode_event,
    frame,
    gunzip,
    parse_withheld,
    split,
    unb64,
    withheld_header,
)

STREAM = "01935b1e-7c00-7abc-8def-0123456789ab"


def test_the_chain_is_that_of_the_published_vectors() -> None:
    link = first_link(STREAM)
    assert link.hex() == "5bb15dc761ab0bae944cefc9e25028293dda32f44c984f1c3c4f07cd3b4d71af"
    for body, mark, after in [
        ('{"a":1}', "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862",
         "0fe769d5c9d201a75006460a8197e8832b438fbd2823113e3fe08ffbafed3163"),
        ('{"a":2}', "7e8059f495589fcd981232cc11d00b00da3802c01d688fa1cf1f6bed6e5bb33c",
         "c3d01145aecebe45eb57c45f1d5a7382e01e8533f7042c07045580e75101ee53"),
        ('{"name":"ポイント"}', "260a30a3dd3d9d5c49df4d0237d08384d189dd4f4eef66114f6fdc1bcd9f0b9c",
         "fde35db097526e0f2f76d2470957017fbc9156193b26f50f2cd473c626ae6015"),
    ]:  # fmt: skip
        assert digest(body.encode()).hex() == mark
        link = next_link(link, digest(body.encode()))
        assert link.hex() == after
    assert walk(first_link(STREAM), [b'{"a":1}', b'{"a":2}', '{"name":"ポイント"}'.encode()]) == link


_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | _text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_text, inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(_text, _json, max_size=4), max_size=6))
def test_what_is_framed_comes_back_byte_by_byte_and_is_one_json_array(datas: list[dict[str, object]]) -> None:
    bodies = [
        encode_event(id=f"i{number}", source="/x", type="t", time="T", subject="s", idemkey=f"k{number}", data=data)  # type: ignore[arg-type]
        for number, data in enumerate(datas)
    ]
    payload = frame(bodies)
    assert split(payload) == bodies
    assert [event["data"] for event in json.loads(payload)] == datas
    for body, data in zip(bodies, datas, strict=True):
        assert decode_event(body)["data"] == data
        assert b"\n" not in body


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"[\n]", b"[\n{}\n{}\n]", b"[\n{},\n\n]", b"[\n{},{}\n,\n]", b"[\n1\n]", b"\n[\n{}\n]", b"[\n{}\n]\n", b"[\n{},\n]"],
)
def test_framing_is_strict(payload: bytes) -> None:
    with pytest.raises(WireError):
        split(payload)


def test_a_batch_is_bounded_in_events_and_bytes() -> None:
    assert len(split(frame([b"{}"] * 500))) == 500
    with pytest.raises(WireError, match="500"):
        split(frame([b"{}"] * 501))
    with pytest.raises(WireError, match="allowed"):
        split(frame([b"{" + b" " * (1 << 20) + b"}"]))


def test_a_gzip_bomb_stops_at_the_limit_and_a_cut_or_doubled_member_is_refused() -> None:
    bomb = gzip.compress(bytes(200 << 20), 9)
    with pytest.raises(WireError, match="inflates"):
        gunzip(bomb)
    good = gzip.compress(b"hello")
    assert gunzip(good) == b"hello"
    for broken in (good[:-1], good[:5], b"", good + good, good + b"x", zlib.compress(b"x")):
        with pytest.raises(WireError):
            gunzip(broken)


@pytest.mark.parametrize(
    "text",
    ['{"a":1}', "[]", "{", "{}x", "\ufeff{}", "NaN"],
)
def test_what_is_no_event_is_refused(text: str) -> None:
    with pytest.raises(WireError):
        decode_event(text.encode())


def test_an_event_with_a_float_a_double_key_bad_utf8_or_endless_nesting_is_refused() -> None:
    good = encode_event(id="i", source="/x", type="t", time="T", subject="s", idemkey="k", data={"points": 1, "a": [{"b": None}]})
    assert decode_event(good)["data"] == {"points": 1, "a": [{"b": None}]}
    for old, new in [
        (b'"points":1', b'"points":1.0'), (b'"points":1', b'"points":1e3'), (b'"points":1', b'"points":NaN'),
        (b'"points":1', b'"points":1,"points":2'), (b'"k"', b'"\xff"'), (b'"points":1', b'"points":9223372036854775808'),
        (b'"points":1', b'"points":' + b"[" * 100_000 + b"]" * 100_000), (b'"idemkey":"k"', b'"idemkey":""'),
        (b'"points":1', b'"points":' + b"9" * 5000),
    ]:  # fmt: skip
        assert old in good
        with pytest.raises(WireError):
            decode_event(good.replace(old, new))


@pytest.mark.parametrize("where", [b'"data":{"a":"%s"}', b'"data":{"%s":1}', b'"data":{},"other":["%s"]', b'"data":{"a":[{"b":"x%s"}]}'])
def test_half_of_a_surrogate_pair_written_as_an_escape_is_refused_and_a_whole_pair_is_one_letter(where: bytes) -> None:
    good = encode_event(id="i", source="/x", type="t", time="T", subject="s", idemkey="k", data={})
    for half in (b"\\ud83d", b"\\uDE00", b"\\ude00\\ud83d"):
        with pytest.raises(WireError, match="surrogate"):
            decode_event(good.replace(b'"data":{}', where % half))
    event = decode_event(good.replace(b'"data":{}', where % b"\\ud83d\\ude00"))
    assert "\U0001f600" in str(event)
    business_digest(event)


def test_the_business_digest_forgets_what_is_volatile_and_nothing_else() -> None:
    event = {"type": "t", "subject": "s", "id": "1", "time": "a", "data": {"points": 1, "b": [1, 2], "trace": {"boot": "x"}}}
    same = {"type": "t", "subject": "s", "id": "2", "time": "b", "data": {"b": [1, 2], "trace": {"boot": "y"}, "points": 1}}
    assert business_digest(event) == business_digest(same)
    for other in ({**event, "type": "u"}, {**event, "subject": "r"}, {**event, "data": {"points": 2, "b": [1, 2]}}):
        assert business_digest(event) != business_digest(other)


def test_withheld_bodies_keep_their_place_and_their_digest() -> None:
    kept = Withheld(102, digest(b"{2}"))
    assert parse_withheld(withheld_header([kept])) == (kept,)
    lines = assemble(101, [b"{1}", b"{3}"], [kept])
    assert [(line.seq, line.body) for line in lines] == [(101, b"{1}"), (102, None), (103, b"{3}")]
    for header in ("102", "102;x", "0;" + b64(bytes(32)), "5;" + b64(bytes(31)), f"6;{b64(bytes(32))}, 5;{b64(bytes(32))}"):
        with pytest.raises(WireError):
            parse_withheld(header)
    with pytest.raises(WireError):
        assemble(1, [b"{}"], [kept])
    with pytest.raises(WireError):
        assemble((1 << 63) - 1, [b"{}", b"{}"])


@pytest.mark.parametrize("text", ["", ":", "abc", ":a:", ":ab=c:", ":é:"])
def test_byte_sequences_are_strict(text: str) -> None:
    with pytest.raises(WireError):
        unb64(text, 1)


def test_a_body_that_changed_does_not_fit_its_digest() -> None:
    check_content_digest(content_digest(b"x"), b"x")
    with pytest.raises(WireError):
        check_content_digest(content_digest(b"x"), b"y")


def test_what_is_no_plain_event_is_refused_when_written() -> None:
    for change in ({"idemkey": ""}, {"idemkey": "k" * 201}, {"data": []}, {"data": {"x": 0.5}}, {"data": {"x": "x" * (129 << 10)}}):
        fields = {"id": "i", "source": "/x", "type": "t", "time": "T", "subject": "s", "idemkey": "k", "data": {}, **change}
        with pytest.raises(EventRefused):
            encode_event(**fields)  # type: ignore[arg-type]


# ---------------------------------------------------------------- signatures


def test_the_signature_base_is_that_of_rfc_9421() -> None:
    """The example of RFC 9421 section B.2.5 (HMAC-SHA256), with its key and its expected value."""
    import base64
    import hmac

    secret = base64.b64decode("uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==")
    headers = {"date": "Tue, 20 Apr 2021 02:07:55 GMT", "content-type": "application/json"}
    params = '("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"'
    lines = signature_base("POST", "", headers | {"@authority": "example.com"}, ("date", "@authority", "content-type"), params)
    mac = hmac.digest(secret, lines, "sha256")
    assert base64.b64encode(mac).decode() == "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="


def _signed() -> tuple[Key, str, dict[str, str]]:
    key = Key("dev-0042-2", b"s" * 32)
    uri = "https://cloud.example/v1/streams/x/events"
    headers = {"Content-Digest": content_digest(b"x"), "Posagent-First-Seq": "101", "Posagent-Prev-Chain": b64(bytes(32)), "Accept": "*/*"}
    return key, uri, {**headers, **sign(key, "POST", uri, headers, 1795432496)}


def test_a_signed_request_verifies_within_two_days_of_clock_error() -> None:
    key, uri, headers = _signed()
    assert claimed_key(headers) == key.keyid
    for now in (1795432496, 1795432496 - 47 * 3600, 1795432496 + 47 * 3600):
        verify(key, "POST", uri, headers, now)
    with pytest.raises(SignatureRefused, match="clock"):
        verify(key, "POST", uri, headers, 1795432496 + 49 * 3600)


def test_whatever_is_changed_in_a_signed_request_it_no_longer_verifies() -> None:
    key, uri, headers = _signed()
    for name in ("Content-Digest", "Posagent-First-Seq", "Posagent-Prev-Chain", "Signature", "Signature-Input"):
        changed = dict(headers)
        changed[name] = changed[name].replace("1", "2") if "1" in changed[name] else changed[name][:-3] + "B=:"
        with pytest.raises(SignatureRefused):
            verify(key, "POST", uri, changed, 1795432496)
        del changed[name]
        with pytest.raises(SignatureRefused):
            verify(key, "POST", uri, changed, 1795432496)
    for method, target, other in (
        ("PUT", uri, headers), ("POST", uri + "?", headers), ("POST", uri, {**headers, "Posagent-Withheld": "1;:" + "A" * 43 + "=:"}),
    ):  # fmt: skip
        with pytest.raises(SignatureRefused):
            verify(key, method, target, other, 1795432496)
    with pytest.raises(SignatureRefused):
        verify(Key("dev-0042-2", b"t" * 32), "POST", uri, headers, 1795432496)
    assert "ssss" not in repr(key)


# ---------------------------------------------------------------- answers


def test_answers_and_problems_survive_the_way_and_nonsense_is_refused() -> None:
    items = (Item(102, "duplicate", of_stream="s", of_seq=7), Item(103, "rejected", "why"))
    answer = Answer(103, bytes(32), "2026-11-22T03:35:00.120Z", items, 200, 5)
    assert parse_answer(encode_answer(answer)) == answer
    problem = Problem(wire.GAP, "gap", "more", 409, 7, bytes(32))
    assert parse_problem(encode_problem(problem), 409) == problem
    assert parse_problem(b"<html>502</html>", 502).type == ""
    draw = random.Random(7)
    whole = encode_answer(answer)
    for _ in range(300):
        broken = bytearray(whole)
        broken[draw.randrange(len(broken))] = draw.randrange(256)
        try:
            parse_answer(bytes(broken))
        except WireError:
            continue
    for text in (b"{}", b"[]", b'{"acked":-1}', b'{"acked":true,"chain":"::"}', b'{"acked":1,"chain":"x"}', b"\xff"):
        with pytest.raises(WireError):
            parse_answer(text)


def test_identifiers_are_version_7_and_carry_the_time() -> None:
    made = [uuid.UUID(uuid7()) for _ in range(200)]
    assert len(set(made)) == 200
    assert {(one.version, one.variant) for one in made} == {(7, uuid.RFC_4122)}
    assert made[-1].int >> 80 >= made[0].int >> 80


# ---------------------------------------------------------------- signed files


def test_only_newer_files_of_a_known_key_are_kept_and_a_damaged_copy_gives_way_to_the_one_before(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = bytes(range(32))
    public = Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    shelf = FileShelf(tmp_path / "files", {"head-office-1": public})
    assert shelf.load("program") is None
    first, second = (sign_file("program", version, f"rules {version}".encode(), "head-office-1", private) for version in (1, 2))
    assert shelf.keep(first)
    small = {name.lower(): value for name, value in headers_of(second).items()}
    assert shelf.keep(from_answer("program", small, second.content))
    assert not shelf.keep(first)
    assert shelf.load("program") == second
    for forged in (
        from_answer("members", small, second.content),
        from_answer("program", {**small, "posagent-version": "3"}, second.content),
        from_answer("program", small, b"other rules"),
        sign_file("program", 3, b"x", "head-office-1", bytes(32)),
        sign_file("program", 3, b"x", "stranger", private),
    ):
        with pytest.raises(WireError):
            shelf.keep(forged)
    path = tmp_path / "files" / "program.signed"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert shelf.load("program") == first
    assert shelf.keep(sign_file("program", 4, b"rules 4", "head-office-1", private))
    path.write_bytes(b"")
    assert shelf.load("program") == first
