"""Time-limited member codes that a register could not judge: the register's own record of them, verified by the receiver."""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from offline_queue.events import Stored
from posagent import events
from posagent.checkout import Card, Now, Rules
from posagent.counter_parts import State
from posagent.events import Place
from posagent.loyalty.model import Member as Holder
from posagent.loyalty.model import Register
from posagent.member_code import Member, Rule, classify
from posagent.timed_codes import TimedCodes
from posagent.token_codes import base45, totp

NUMBER = "2912345678901"
WINDOW = Rule("app", "member", frozenset({"qr"}), pattern=re.compile("(?P<id>[0-9]{13})-(?P<time>[0-9]{10})-(?P<otp>[0-9]{6})"), timed="window")
SIGNED = Rule("signed", "member", frozenset({"qr"}), timed="signed")
OTP_KEY = bytes(range(20))
ISSUER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = ISSUER.public_key().public_bytes_raw().hex()


def window_code(at_s, key=OTP_KEY):
    return f"{NUMBER}-{at_s}-{totp(key, at_s)}"


def signed_code(at_s, issuer=ISSUER):
    said = f"V1.{NUMBER}.{at_s}."
    return f"{said}.{base45(issuer.sign(said.encode()))}"


class Counter:
    """The register's real judgement of a code; it goes on record, then a grant that names the scan."""

    def __init__(self, cloud, till):
        self.cloud, self.till = cloud, till
        tenant, store, register = till.stream.place
        self.rules = Rules(Place(tenant, "cafe", store, register), None, Register(), None, "sato")
        self.timed = TimedCodes((WINDOW, SIGNED), "", None, lambda: True)

    def grant(self, code, points=10):
        at = datetime.fromtimestamp(self.cloud.clock.now, UTC)
        now, verdict, recorded = Now(at, int(self.cloud.clock.now * 1000), False), classify(code, "Q1", (WINDOW, SIGNED)), []
        assert isinstance(verdict, Member)

        def record(draft):
            recorded.append(draft)
            return Stored(1, (1,), False, None, ())

        scanned = Card(Holder("M1"), "*********8901", "scan", str(uuid.uuid4()))
        card = self.timed.admit(code, "Q1", verdict, scanned, now, State(), self.rules, record)
        assert card.verify == "deferred"
        (draft,) = recorded
        data = {key: value for key, value in draft.data.items() if key != "member"}
        self.till.tell(draft.type, member="M1", key=draft.idemkey, **json.loads(json.dumps(data)))
        return self.till.tell(events.SALE_GRANTED, [("points", points)], verify=card.verify, trace={"scan_id": card.scan_id})


@pytest.fixture
def counter(cloud, shop):
    cloud.call("PUT", "/v1/token-keys?tenant=acme", [], json.dumps({"keys": [PUBLIC]}).encode())
    return Counter(cloud, shop)


def register(cloud, **more):
    body = {"number": NUMBER, "token": "M1"} | more
    return cloud.call("POST", "/v1/members?tenant=acme", [], json.dumps(body).encode()).status


def test_a_code_that_head_office_can_verify_is_counted_and_a_wrong_one_is_a_case(cloud, counter):
    assert register(cloud, otp_key=OTP_KEY.hex(), keep_number=True) == 201
    now_s = int(cloud.clock.now)
    assert counter.grant(window_code(now_s)) == "applied"
    assert counter.grant(signed_code(now_s)) == "applied"
    assert cloud.balances("M1") == {"points": 120}
    assert cloud.call("GET", "/v1/conflicts").json() == {"conflicts": [], "notes": []}
    assert counter.grant(window_code(now_s - 30, b"another key that is wrong")) == "conflict"
    assert counter.grant(signed_code(now_s - 30, Ed25519PrivateKey.from_private_bytes(bytes(32)))) == "conflict"
    assert cloud.balances("M1") == {"points": 120}
    first, second = cloud.call("GET", "/v1/conflicts").json()["conflicts"]
    assert (first["problem"], second["problem"]) == (
        "the member's one-time password is wrong", "the signature of the member's code is wrong",
    )  # fmt: skip
    page = cloud.call("GET", "/office/conflicts").body.decode()
    assert "会員コードを確認できませんでした。" in page
    assert NUMBER not in page
    for case, decision in ((first, "apply"), (second, "dismiss")):
        form = f"decision={decision}&by=Sato".encode()
        assert cloud.call("POST", f"/office/conflicts/{case['case']}/decide", [], form).status == 303
    assert cloud.balances("M1") == {"points": 130}
    assert cloud.call("GET", "/v1/conflicts").json()["conflicts"] == []


def test_a_code_that_nobody_can_check_is_counted_and_marked(cloud, counter):
    assert register(cloud) == 201
    assert counter.grant(window_code(int(cloud.clock.now))) == "applied"
    assert counter.grant(signed_code(int(cloud.clock.now))) == "applied"
    rows = cloud.call("GET", "/v1/members/M1").json()["ledger"]
    problems = [row["problem"] for row in rows if row["type"] == events.SALE_GRANTED and row["problem"]]
    assert len(problems) == 2
    assert all(problem.startswith("unchecked: ") for problem in problems)
    assert cloud.call("GET", "/v1/conflicts").json() == {"conflicts": [], "notes": []}


def test_a_copied_screen_that_is_shown_at_another_register_is_a_case(cloud, counter, shop):
    assert register(cloud, otp_key=OTP_KEY.hex()) == 201
    code = window_code(int(cloud.clock.now))
    assert counter.grant(code) == "applied"
    assert Counter(cloud, shop.beside("2")).grant(code) == "conflict"
    (case,) = cloud.call("GET", "/v1/conflicts").json()["conflicts"]
    assert case["problem"] == "the member's code had been shown at another register"
    assert cloud.balances("M1") == {"points": 110}


PROOFS = {
    "none": {}, "not an object": {"proof": []}, "an unknown form": {"proof": {"form": "stars"}}, "no password": {"proof": {"form": "window"}},
    "a password of letters": {"proof": {"form": "window", "otp": "abcdef"}}, "a signature that is none": {"proof": {"form": "signed"}},
    "not hexadecimal": {"proof": {"form": "signed", "version": "V1", "stamp": "1", "scope": "", "signature": "zz"}},
    "a time that is none": {"proof": {"form": "window", "otp": "123456"}, "issued_s": -1},
}  # fmt: skip


@pytest.mark.parametrize("proof", PROOFS.values(), ids=PROOFS.keys())
def test_a_proof_that_is_damaged_makes_a_case_and_no_trouble(sqlite_cloud, counter_on_sqlite, proof):
    till, scan = counter_on_sqlite.till, str(uuid.uuid4())
    till.tell(events.MEMBER_SEEN, key=f"token/1/{'0' * 64}", scan_id=scan, verify="deferred", **({"issued_s": 1_795_432_496} | proof))
    assert till.tell(events.SALE_GRANTED, [("points", 10)], verify="deferred", trace={"scan_id": scan}) == "conflict"
    assert sqlite_cloud.balances("M1") == {"points": 100}


@pytest.fixture
def counter_on_sqlite(sqlite_cloud, make_shop):
    assert register(sqlite_cloud, otp_key=OTP_KEY.hex(), keep_number=True) == 201
    sqlite_cloud.call("PUT", "/v1/token-keys?tenant=acme", [], json.dumps({"keys": [PUBLIC]}).encode())
    return Counter(sqlite_cloud, make_shop(sqlite_cloud))


def test_secrets_are_taken_strictly(sqlite_cloud):
    for wrong in ({"otp_key": "00"}, {"otp_key": "zz" * 20}, {"otp_key": 7}, {"keep_number": 1}):
        assert register(sqlite_cloud, **wrong) == 400
    for wrong in (b'{"keys": "x"}', b'{"keys": ["x"]}', b'{"keys": [7]}', b"{}", json.dumps({"keys": [PUBLIC] * 11}).encode()):
        assert sqlite_cloud.call("PUT", "/v1/token-keys?tenant=acme", [], wrong).status == 400
