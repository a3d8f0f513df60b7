"""What comes over the wire and is not what the protocol says."""

from __future__ import annotations

import gzip
import json
import random
import re
import time
import uuid
import zlib
from collections import Counter

import pytest

from offline_queue import wire
from posagent import events
from posagent.cloud.audit import audit
from posagent.cloud.routes import ROUTES
from tools.fleet import Stream, make_event


def post(cloud, stream, payload, *, coded=True, drop=(), extra=(), **change):
    """A batch of the register's three events whose payload or headers were changed; the digest fits."""
    fields = dict(stream.batch(1, len(stream.bodies))[0])
    if not coded:
        fields.pop("Content-Encoding")
    fields |= {"Content-Digest": wire.content_digest(payload)} | {name.replace("_", "-"): value for name, value in change.items()}
    headers = [(name, value) for name, value in fields.items() if name not in drop] + list(extra)
    reply = cloud.call("POST", stream.path + "/events", headers, payload)
    if reply.status >= 400:
        assert reply.headers["content-type"] == wire.PROBLEM_TYPE
        assert reply.json()["type"].startswith(wire.PROBLEMS)
    return reply.status


def good(stream):
    return stream.batch(1, len(stream.bodies))[1]


HEADERS = {
    "seq 0": {"Posagent-First-Seq": "0"},
    "seq below": {"Posagent-First-Seq": "-1"},
    "seq beyond 2^63": {"Posagent-First-Seq": str(1 << 63)},
    "seq that runs past 2^63": {"Posagent-First-Seq": str((1 << 63) - 2)},
    "seq in other digits": {"Posagent-First-Seq": "²"},
    "seq with a sign": {"Posagent-First-Seq": "+1"},
    "seq of a thousand digits": {"Posagent-First-Seq": "1" * 1000},
    "chain that is short": {"Posagent-Prev-Chain": ":AAAA:"},
    "chain that is not base64": {"Posagent-Prev-Chain": ":***:"},
    "chain without colons": {"Posagent-Last-Chain": "AAAA"},
    "withheld nonsense": {"Posagent-Withheld": "x"},
    "withheld outside": {"Posagent-Withheld": f"9;{wire.b64(bytes(32))}"},
    "withheld twice": {"Posagent-Withheld": f"2;{wire.b64(bytes(32))}, 2;{wire.b64(bytes(32))}"},
    "floor nonsense": {"Posagent-Floor": "x"},
    "digest of something else": {"Content-Digest": wire.content_digest(b"else")},
    "digest of another kind": {"Content-Digest": "md5=:AAAA:"},
}


@pytest.mark.parametrize("change", HEADERS.values(), ids=HEADERS.keys())
def test_headers_that_are_wrong_are_refused_and_nothing_is_kept(sqlite_cloud, register, change):
    headers, coded = register.batch(1, 3)
    fields = dict(headers) | change
    reply = sqlite_cloud.call("POST", register.path + "/events", list(fields.items()), coded)
    assert reply.status in {400, 422}, reply
    assert sqlite_cloud.call("GET", register.path).status == 404
    sqlite_cloud.sync(register)


@pytest.mark.parametrize("name", ["Posagent-First-Seq", "Posagent-Prev-Chain", "Posagent-Last-Chain", "Content-Digest", "Content-Type"])
def test_a_header_that_is_missing_or_stands_twice_is_refused(sqlite_cloud, register, name):
    assert post(sqlite_cloud, register, good(register), drop=(name,)) in {400, 415}
    value = dict(register.batch(1, 3)[0])[name]
    assert post(sqlite_cloud, register, good(register), extra=((name, value),)) == 400
    sqlite_cloud.sync(register)


def test_bodies_that_are_no_batch_are_refused(sqlite_cloud, register):
    plain = wire.frame(register.bodies)
    bomb = gzip.compress(bytes(200 << 20), 9)
    assert len(bomb) < 1 << 20
    start = time.perf_counter()
    assert post(sqlite_cloud, register, bomb) == 413
    assert time.perf_counter() - start < 2
    assert post(sqlite_cloud, register, good(register)[:-5]) == 400
    assert post(sqlite_cloud, register, good(register)[:40]) == 400
    assert post(sqlite_cloud, register, good(register) + good(register)) == 400
    assert post(sqlite_cloud, register, zlib.compress(plain)) == 400
    assert post(sqlite_cloud, register, plain) == 400  # says gzip, is none
    assert post(sqlite_cloud, register, b"") == 400
    assert post(sqlite_cloud, register, b"", coded=False) == 400
    assert post(sqlite_cloud, register, b"[\n\n]", coded=False) == 400
    assert post(sqlite_cloud, register, plain, coded=False, Content_Encoding="br") == 415
    assert post(sqlite_cloud, register, plain, coded=False, Content_Type="application/json") == 415
    assert post(sqlite_cloud, register, plain.replace(b'"type"', b'"ty\npe"', 1), coded=False) == 400
    assert post(sqlite_cloud, register, b"x" * (2 << 20), coded=False) == 413
    assert sqlite_cloud.call("GET", register.path).status == 404
    sqlite_cloud.sync(register)
    assert sqlite_cloud.balances("M1") == {"points": 30}


@pytest.mark.parametrize(
    "bad", [b'{"x":"\xff"}', b"{}x}", b"{" * 5000 + b"}", b'{"a":' + b"[" * 60_000 + b"}", b'{"a":' + b"1" * 5000 + b"}", b"{nonsense}"]
)
def test_a_line_that_is_not_json_makes_the_batch_unreadable_and_can_be_withheld(sqlite_cloud, register, bad):
    register.put(bad)
    register.put(make_event(register.place, "d/1/9/grant", "M1", {"points": 1}))
    headers, coded = register.batch(1, 5)
    assert sqlite_cloud.call("POST", register.path + "/events", headers, coded).status == 400
    headers, coded = register.batch(1, 5, withheld=(4,))
    assert sqlite_cloud.call("POST", register.path + "/events", headers, coded).status == 200
    assert sqlite_cloud.balances("M1") == {"points": 31}


def test_too_many_and_too_large_events_are_refused(sqlite_cloud):
    many = Stream()
    for number in range(501):
        many.put(make_event(many.place, f"k{number}"))
    headers, coded = many.batch(1, 501)
    assert sqlite_cloud.call("POST", many.path + "/events", headers, coded).status == 413
    large = Stream()
    large.put(b'{"x":"' + b"y" * wire.MAX_BODY_BYTES + b'"}')
    headers, coded = large.batch(1, 1)
    assert sqlite_cloud.call("POST", large.path + "/events", headers, coded).status == 413


@pytest.mark.parametrize("stream_id", ["x", "..", "0" * 36, "01935B1E-7C00-7ABC-8DEF-0123456789AB", "01935b1e-7c00-7abc-8def-0123456789ab%00"])
def test_a_stream_that_is_no_uuid_is_refused(sqlite_cloud, register, stream_id):
    headers, coded = register.batch(1, 3)
    assert sqlite_cloud.call("POST", f"/v1/streams/{stream_id}/events", headers, coded).status in {400, 404}
    assert sqlite_cloud.call("GET", f"/v1/streams/{stream_id}").status in {400, 404}


def test_random_damage_never_gets_anything_wrong_into_the_ledger(cloud, register):
    rng = random.Random(11)
    plain = wire.frame(register.bodies)
    seen = set()
    for _ in range(300):
        damaged = bytearray(plain)
        for _ in range(rng.choice((1, 1, 2, 8))):
            place = rng.randrange(len(damaged))
            match rng.randrange(3):
                case 0:
                    damaged[place] = rng.randrange(256)
                case 1:
                    del damaged[place]
                case _:
                    damaged.insert(place, rng.randrange(256))
        if bytes(damaged) != plain:
            seen.add(post(cloud, register, bytes(damaged), coded=False))
    assert seen <= {400, 413, 422}
    assert cloud.call("GET", register.path).status == 404
    cloud.sync(register)
    assert cloud.balances("M1") == {"points": 30}


# ---------------------------------------------------------------- every route


NASTY = (
    None, True, 0, -1, 1, 1 << 63, 1 << 70, 1.5, "", " ", "x", "\x00", "\ud800", "日本", "x" * 300, "M1", "[]", "?", "/", "a\nb", "2026-13-45",
    "0" * 64, "coupon", "points", "value", "charge", "01935b1e-7c00-7abc-8def-0123456789ab", [], ["\x00"], [[]], {},
    {"x": "\x00"},
)  # fmt: skip
FIELDS = ("id", "kind", "member", "code_hash", "amount", "sale_id", "ttl_s", "code", "number", "token", "status", "rank", "birth_month",
          "flags", "otp_key", "keep_number", "keys", "after", "by", "decision", "store", "register", "name", "brand", "pending")  # fmt: skip
NAMES = ("x", "%00", "%ff", "01935b1e-7c00-7abc-8def-0123456789ab", "*", "x" * 300, "%F0%9F%8D%A3", "..%2f", "0" * 32, "a:1", "%ED%A0%80")


def test_no_route_breaks_on_any_json_or_any_name(cloud, shop):
    rng = random.Random(5)
    shop.issue("0" * 32)
    seen = Counter()
    for row in ROUTES:
        for _ in range(12):
            target = re.sub(r"{\w+}", lambda _: rng.choice(NAMES), row.path)
            chosen = {name: rng.choice(NASTY) for name in rng.sample(FIELDS, rng.randrange(8))}
            if row.path == "/v1/authorisations":  # well formed but for one field
                chosen = {"id": str(uuid.uuid4()), "kind": "points", "member": "M1", "amount": 10, "sale_id": "S", "ttl_s": 60}
                chosen |= {rng.choice(list(chosen)): rng.choice(NASTY)} if rng.random() < 0.7 else {}
            body = b"" if row.method == "GET" else json.dumps(chosen).encode()
            if row.path.startswith("/office/") and row.method == "POST":
                body = rng.choice((b"by=%00&token=%00&tenant=%00", b"by=x&token=%ff&decision=apply", b"=&=&", bytes(rng.randbytes(40))))
            query = rng.choice(("", "?tenant=acme", "?tenant=%00", "?token=%00&store=%ff", "?token=" + "y" * 500))
            reply = cloud.call(row.method, target + query, [("Content-Type", "application/json")], body)
            assert reply.status < 500, (row.method, target, query, body, reply.body)
            if reply.status >= 400 and row.path.startswith("/v1/"):
                assert reply.headers["content-type"] in {wire.PROBLEM_TYPE, "text/plain; charset=utf-8"}, reply
            seen[row.path, reply.status] += 1
    assert seen["/v1/authorisations", 200] > 0
    assert seen["/v1/authorisations", 400] > 0
    assert cloud.balances("M1") == {"points": 100}


def test_events_with_any_json_in_what_the_receiver_reads_of_them_never_break_it(cloud, shop):
    rng = random.Random(6)
    fields = ("code_hash", "hold_id", "sale_id", "lots", "coupons_back", "holds_back", "verify", "proof", "issued_s", "scan_id", "trace", "def",
              "label", "first_day", "last_day", "reach", "brand", "bearer", "business_date", "amount", "result", "coupon_id")  # fmt: skip
    good_ones = {"code_hash": "0" * 32, "hold_id": "01935b1e-7c00-7abc-8def-0123456789ab", "verify": "deferred", "lots": [["points/x", 5]]}
    kinds = sorted(events.KNOWN)
    for number in range(300):
        data = {name: rng.choice(NASTY) for name in rng.sample(fields, 6)}
        data |= {name: value for name, value in good_ones.items() if rng.random() < 0.4}
        entry = {"account": "points", "delta": rng.choice((1, -1)), "expires": rng.choice(NASTY), "lot": rng.choice(NASTY)}
        body = json.loads(make_event(shop.stream.place, f"f/{number}", "M1", None, rng.choice(kinds)))
        body["data"] |= data | {"entries": [entry] if rng.random() < 0.5 else []}
        shop.stream.put(json.dumps(body).encode())
    answer = cloud.sync(shop.stream)
    assert answer.acked == len(shop.stream.bodies)
    assert not cloud.receiver.engine.read(audit).problems
    assert cloud.call("GET", "/v1/members/M1?tenant=acme").status == 200
    assert cloud.call("POST", "/v1/expire?tenant=acme", [], b"{}").status == 200
    assert cloud.call("GET", "/office/conflicts?tenant=acme").status == 200
