"""Time-limited member codes at the till: the window, the signature, the copied screen, and a clock that nobody vouches for."""

from __future__ import annotations

import json
import re
import sqlite3
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from offline_queue.errors import KeyConflict
from offline_queue.events import NewEvent, Stored
from offline_queue.journal import Journal
from posagent import clock
from posagent import events as ev
from posagent.checkout import Basket, Card, Now, Rules
from posagent.counter import resume, step
from posagent.counter_parts import Answered, Commit, Input, SaleArrived, Scanned, State, Tell
from posagent.errors import StorageError
from posagent.events import Draft, Place
from posagent.loyalty.masking import mask_code
from posagent.loyalty.model import Line, Register
from posagent.loyalty.model import Member as Holder
from posagent.loyalty.program import read_program
from posagent.member_code import Member, Rule, classify
from posagent.timed_codes import NotTaken, TimedCodes
from posagent.token_codes import base45
from posagent.token_verify import verifier

JST = timezone(timedelta(hours=9))
START = datetime(2026, 11, 22, 12, 0, tzinfo=JST)
MEMBER = "2912345678901"
WINDOW = Rule("app", "member", frozenset({"qr"}), pattern=re.compile("(?P<id>[0-9]{13})-(?P<time>[0-9]{10})-(?P<otp>[0-9]{6})"), timed="window")
SIGNED = Rule("signed", "member", frozenset({"qr"}), timed="signed")
PROGRAM = '[program]\nid = "shop"\nversion = 1\n[accounts.points]\nlabel = "P"\n[[earn]]\nid = "b"\naccount = "points"\nevery = 100\ngive = 1\n'
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def public(key: Ed25519PublicKey) -> str:
    return key.public_bytes_raw().hex()


def window_code(at: datetime, otp: str = "123456", member: str = MEMBER) -> str:
    return f"{member}-{int(at.timestamp())}-{otp}"


def signed_code(at: datetime, scope: str = "0042", key: Ed25519PrivateKey = KEY) -> str:
    signed = f"V1.{MEMBER}.{int(at.timestamp())}.{scope}"
    return f"{signed}.{base45(key.sign(signed.encode()))}"


class Till:
    """The way of a code from the scanner to the grant, on a real journal: as the agent goes it, without its threads."""

    def __init__(self, directory: Path, *, scope: str = "", verify: Callable[[bytes, bytes], bool] | None = None) -> None:
        self.directory, self._scope, self._verify = directory, scope, verify
        program, problems = read_program("schema = 1\n" + PROGRAM)
        assert not problems
        self.rules = Rules(Place("acme", "cafe", "0042", "R2"), program, Register("acme", "cafe", "0042", "R2", program="shop@1"), None, "C7")
        self.synchronised, self.ran_back, self.ms, self.full = True, False, 1_000_000, False
        self.told: list[str] = []
        self.open()

    def open(self) -> None:
        self.journal = Journal.open(self.directory, source="/t/acme/s/0042/r/2", reserve_mb=0)
        self.timed = TimedCodes((WINDOW, SIGNED), self._scope, self._verify, lambda: self.synchronised)
        self.state = State()
        self.state = resume([(event.type, event.id, event.data) for event in self.events()], self.now(), self.rules)

    def restart(self) -> None:
        self.journal.close()
        self.open()

    def events(self, *types: str) -> list[Any]:
        return self.journal.reader().events(0, 1000, types)

    def now(self) -> Now:
        at = START + timedelta(milliseconds=self.ms - 1_000_000)
        return Now(at, self.ms, offline=True, entropy=b"e" * 32, clock_ok=not self.ran_back)

    def wait(self, seconds: int) -> None:
        self.ms += seconds * 1000

    def scan(self, text: str) -> str:
        """The code of what was told; "" when it was taken or passed over."""
        now, verdict = self.now(), classify(text, "Q1", (WINDOW, SIGNED))
        assert isinstance(verdict, Member)
        card = Card(Holder("m1"), mask_code(verdict.number), "scan", str(uuid.uuid4()))
        admitted = self.timed.admit(text, "Q1", verdict, card, now, self.state, self.rules, self.record)
        if isinstance(admitted, NotTaken):
            return admitted.code
        if admitted is not None:
            self.feed(Scanned(now, admitted))
        return ""

    def sale(self, key: str, amount: int = 1000) -> None:
        self.feed(SaleArrived(self.now(), Basket(key, (Line(amount),), self.now().at, True, "api", key)))

    def feed(self, first: Input) -> None:
        inputs = deque([first])
        while inputs:
            self.state, effects = step(self.state, inputs.popleft(), self.rules)
            for effect in effects:
                if isinstance(effect, Commit):
                    inputs.append(self.commit(effect))
                elif isinstance(effect, Tell):
                    self.told.append(effect.code)

    def commit(self, commit: Commit) -> Answered:
        stored = self.put(commit.drafts)
        lead = next((one for one in commit.drafts if one.type == ev.SALE_GRANTED), commit.drafts[0])
        return Answered(self.now(), commit.intent, "duplicate" if stored.duplicate else "stored", stored.event.id, lead.data)

    def record(self, one: Draft) -> Stored:
        if self.full:
            raise StorageError("the disk is full", code="E506")
        return self.put((one,))

    def put(self, drafts: tuple[Draft, ...]) -> Stored:
        return self.journal.put([NewEvent(one.type, one.subject, one.idemkey, one.time, one.data) for one in drafts]).result(10)

    def grants(self) -> list[Any]:
        return self.events(ev.SALE_GRANTED)


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    made = Till(tmp_path)
    yield made
    made.journal.close()


def with_keys(directory: Path, *keys: Ed25519PrivateKey, scope: str = "") -> Till:
    return Till(directory, scope=scope, verify=verifier([public(key.public_key()) for key in keys]))


# ---------------------------------------------------------------- the window


def test_a_fresh_code_opens_a_checkout_and_its_grant_is_left_to_the_receiver(till: Till) -> None:
    assert till.scan(window_code(START)) == ""
    till.sale("n1")
    grant = till.grants()[0]
    assert (grant.data["points"], grant.data["verify"]) == (10, "deferred")
    taken = till.events(ev.MEMBER_SEEN)[0]
    assert (taken.data["verify"], taken.data["proof"], taken.data["issued_s"]) == (
        "deferred", {"form": "window", "otp": "123456"}, int(START.timestamp()))  # fmt: skip
    assert grant.data["trace"]["scan_id"] == taken.data["scan_id"]


def test_nothing_on_record_holds_the_members_number(till: Till) -> None:
    till.scan(window_code(START))
    till.sale("n1")
    till.scan(signed_code(START))
    assert all(MEMBER.encode() not in event.body for event in till.events())


@pytest.mark.parametrize(("age_s", "code"), [(90, ""), (91, "E616"), (3600, "E616"), (-90, ""), (-91, "E619")])
def test_a_code_lives_a_minute_and_a_half_on_either_side(till: Till, age_s: int, code: str) -> None:
    assert till.scan(window_code(START - timedelta(seconds=age_s))) == code
    assert bool(till.state.card) is (code == "")


def test_a_screenshot_of_an_old_code_is_refused_and_the_member_is_not_taken(till: Till) -> None:
    screenshot = window_code(START)
    till.wait(600)
    till.sale("n1")
    assert till.scan(screenshot) == "E616"
    assert not till.grants()


# ---------------------------------------------------------------- the copied screen


def test_a_code_that_was_granted_on_is_worth_nothing_to_the_next_customer(till: Till) -> None:
    code = window_code(START)
    till.scan(code)
    till.sale("n1")
    till.wait(40)
    till.sale("n2")
    assert till.scan(code) == "E617"
    assert len(till.grants()) == 1


def test_a_copy_shown_for_the_next_sale_seconds_later_is_refused(till: Till) -> None:
    till.sale("n1")
    till.scan(window_code(START))
    till.wait(5)
    till.sale("n2")
    assert till.scan(window_code(START)) == "E617"
    assert len(till.grants()) == 1


def test_the_memory_of_used_codes_survives_a_restart(till: Till) -> None:
    code = window_code(START)
    till.scan(code)
    till.sale("n1")
    till.restart()
    till.wait(30)
    assert till.scan(code) == "E617"
    till.sale("n2")
    assert len(till.grants()) == 1


def test_another_spelling_of_a_used_code_is_the_same_code(till: Till) -> None:
    code = signed_code(START)
    assert till.scan(code) == ""
    till.sale("n1")
    till.wait(30)
    assert till.scan("v" + code[1:]) == "E617"


def test_a_new_code_of_the_same_member_is_taken(till: Till) -> None:
    till.scan(window_code(START))
    till.sale("n1")
    till.wait(60)
    assert till.scan(window_code(till.now().at, otp="654321")) == ""
    till.sale("n2")
    assert len(till.grants()) == 2


def test_a_scanner_that_reads_twice_is_no_replay(till: Till) -> None:
    code = window_code(START)
    assert [till.scan(code), till.scan(code)] == ["", ""]
    till.wait(10)
    assert till.scan(code) == ""  # its own checkout still waits
    till.restart()
    assert till.scan(code) == ""
    till.sale("n1")
    assert len(till.grants()) == 1
    till.wait(3)
    assert till.scan(code) == "E620"  # "this sale already has its points"
    till.wait(20)
    assert till.scan(code) == "E617"


def test_a_code_that_could_not_be_recorded_was_never_shown(till: Till) -> None:
    till.full = True
    with pytest.raises(StorageError):
        till.scan(window_code(START))
    till.full = False
    assert till.scan(window_code(START)) == ""


def test_a_used_code_is_a_business_key_of_the_register_that_stands_for_ever(till: Till) -> None:
    till.scan(window_code(START))
    key = till.events(ev.MEMBER_SEEN)[0].idemkey
    assert re.fullmatch("token/R2/[0-9a-f]{64}", key)
    with pytest.raises(KeyConflict):
        till.put((Draft(ev.MEMBER_SEEN, "x", key, START.isoformat(), {"trace": {}}),))


# ---------------------------------------------------------------- signatures


def test_a_good_signature_is_verified_here(tmp_path: Path) -> None:
    till = with_keys(tmp_path, KEY)
    assert till.scan(signed_code(START)) == ""
    till.sale("n1")
    assert till.grants()[0].data["verify"] == "verified"
    assert "proof" not in till.events(ev.MEMBER_SEEN)[0].data
    till.journal.close()


def test_a_wrong_signature_is_refused(tmp_path: Path) -> None:
    till = with_keys(tmp_path, KEY)
    forger = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
    assert till.scan(signed_code(START, key=forger)) == "E618"
    genuine = signed_code(START)
    assert till.scan(genuine.replace(MEMBER, "2912345678918")) == "E618"  # another member under a genuine signature
    assert till.events() == []
    till.journal.close()


def test_during_a_change_of_keys_both_are_good(tmp_path: Path) -> None:
    other = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
    till = with_keys(tmp_path, KEY, other)
    assert till.scan(signed_code(START)) == ""
    assert till.scan(signed_code(START + timedelta(seconds=1), key=other)) == ""
    till.journal.close()


def test_another_shops_code_is_not_a_member_here(tmp_path: Path) -> None:
    till = with_keys(tmp_path, KEY, scope="0042")
    assert till.scan(signed_code(START, scope="0099")) == "E602"
    assert till.scan(signed_code(START, scope="0042")) == ""
    till.journal.close()


def test_without_a_public_key_the_receiver_gets_all_it_needs_to_verify(till: Till) -> None:
    code = signed_code(START)
    assert till.scan(code) == ""
    proof = till.events(ev.MEMBER_SEEN)[0].data["proof"]
    rebuilt = f"{proof['version']}.{MEMBER}.{proof['stamp']}.{proof['scope']}"
    KEY.public_key().verify(bytes.fromhex(proof["signature"]), rebuilt.encode())


# ---------------------------------------------------------------- the clock


def test_a_clock_that_nobody_vouches_for_flags_and_does_not_refuse(till: Till) -> None:
    till.synchronised = False
    assert till.scan(window_code(START - timedelta(days=2))) == ""
    till.sale("n1")
    assert till.grants()[0].data["clock_unsure"] is True
    assert till.events(ev.MEMBER_SEEN)[0].data["clock_unsure"] is True


def test_a_clock_that_ran_back_behind_the_record_does_not_refuse_either(till: Till) -> None:
    till.ran_back = True
    assert till.scan(window_code(START + timedelta(hours=5))) == ""
    assert till.events(ev.MEMBER_SEEN)[0].data["clock_unsure"] is True


def test_without_a_clock_a_used_code_stays_used_for_days(till: Till) -> None:
    till.synchronised = False
    code = window_code(START)
    till.scan(code)
    till.sale("n1")
    till.wait(2 * 86_400)
    assert till.scan(code) == "E617"


def test_a_wrong_signature_is_refused_whatever_the_clock_says(tmp_path: Path) -> None:
    till = with_keys(tmp_path, KEY)
    till.synchronised = False
    assert till.scan(signed_code(START, key=Ed25519PrivateKey.from_private_bytes(b"\x07" * 32))) == "E618"
    till.journal.close()


def test_the_doubt_survives_a_restart_between_scan_and_sale(till: Till) -> None:
    till.synchronised = False
    till.scan(window_code(START))
    till.restart()
    till.sale("n1")
    assert (till.grants()[0].data["verify"], till.grants()[0].data["clock_unsure"]) == ("deferred", True)


@pytest.mark.parametrize(
    ("kernel", "offset_ms", "believed"),
    [
        (True, None, True),
        (True, 30_000, True),
        (True, -30_001, False),
        (False, None, False),
        (False, 0, False),
        (None, None, False),
        (None, 1_000, True),
        (None, 60_000, False),
    ],
)
def test_who_vouches_for_the_clock(kernel: bool | None, offset_ms: int | None, believed: bool) -> None:
    assert clock.believable(kernel, offset_ms) is believed


def test_the_kernel_can_be_asked_without_changing_anything() -> None:
    before = time.time()
    assert clock.kernel_synchronised() in {True, False, None}
    assert abs(time.time() - before) < 5


# ---------------------------------------------------------------- the agent

CODE = """\
[[code]]
name = "app"
kind = "member"
symbologies = ["qr"]
pattern = "(?P<id>[0-9]{13})-(?P<time>[0-9]{10})-(?P<otp>[0-9]{6})"
timed = "window"
"""


def test_at_a_running_till_a_used_code_stays_used_after_a_kill(register: Any) -> None:
    register.write(register.settings.read_text("utf-8") + CODE)
    scanner = register.plug_scanner()
    register.start()
    register.until(lambda: register.device("front").get("state") == "ready")
    code = window_code(datetime.now(JST))
    scanner.scan(code, aim="Q1")
    register.until(lambda: register.till.status().body.get("open"))
    assert register.till.ring_up(1980, receipt_no="1").body["result"] == "granted"
    register.kill()
    register.start()
    register.till.ring_up(500, receipt_no="2")
    again = register.till._post("/v1/scans", {"text": code, "symbology": "Q1"})
    assert (again.status, again.body["code"]) == (409, "E617")
    register.kill()
    rows = sqlite3.connect(register.directory / "journal" / "queue.db").execute("SELECT body FROM ev").fetchall()
    grants = [event for (body,) in rows if (event := json.loads(body))["type"] == ev.SALE_GRANTED]
    assert [(grant["data"]["receipt_no"], grant["data"]["verify"]) for grant in grants] == [("1", "deferred")]


def test_settings_with_a_bad_public_key_say_what_a_good_one_looks_like(register: Any) -> None:
    register.write(register.settings.read_text("utf-8") + '[members]\ntoken_keys = ["abc"]\n')
    code, log = register.refused()
    assert code == 78
    assert "64 hexadecimal digits" in log
