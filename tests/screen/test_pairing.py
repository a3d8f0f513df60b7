"""Pairing and tokens: the code from the slip to the page over real sockets, the file that keeps the digests, and taking tokens back."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from posagent.errors import Refused, StorageError
from posagent.pairing import CODE_S, TRIES, Pairing, is_origin
from posagent.pairing_slip import pairing_slip
from posagent.screen.access import Access
from posagent.screen.tokens import LASTS, MOST, Paired, TokenBook
from posagent.slips import Text, from_json, to_json

POS, OTHER = "https://pos.example.jp", "https://other.example.jp"
JSON = {"Content-Type": "application/json"}


@dataclass
class Room:
    """A server with a Unix socket (whose caller is the agent's own user: admin) and loopback, and all that lets callers in."""

    tmp: Path
    record: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    printed: list[tuple[str, str, str]] = field(default_factory=list)
    now: list[float] = field(default_factory=lambda: [1000.0])
    address: str = ""

    def __post_init__(self) -> None:
        self.tokens = TokenBook(self.tmp / "tokens.json")
        self.pairing = Pairing(self.tokens, self.note, lambda: self.now[0])
        self.access = Access(self.tokens, self.pairing, note=self.note, print_code=lambda *slip: self.printed.append(slip))

    def note(self, what: str, circumstances: Any) -> None:
        self.record.append((what, dict(circumstances)))

    def admin(self, method: str, path: str, body: Any = None, key: str = "") -> tuple[int, Any]:
        line = http.client.HTTPConnection("agent")
        line.sock = socket.socket(socket.AF_UNIX)
        line.sock.connect(str(self.tmp / "api.sock"))
        return exchange(line, method, path, body, {**JSON, "Idempotency-Key": key or f"key-{len(self.record):05}"})

    def web(self, method: str, path: str, body: Any = None, origin: str = POS, **headers: str) -> tuple[int, Any]:
        host, _, port = self.address.rpartition(":")
        given = {**({"Origin": origin} if origin else {}), **(JSON if body is not None else {}), **headers}
        return exchange(http.client.HTTPConnection(host, int(port), timeout=10), method, path, body, given)

    def code(self, origin: str = POS, **more: Any) -> str:
        wish = {"name": "Web POS", "scopes": ["pos"], **({"origin": origin} if origin else {}), **more}
        status, said = self.admin("POST", "/v1/pairings", wish)
        assert status == 200, said
        code: str = said["code"]
        return code

    def pair(self, code: str, origin: str = POS) -> tuple[int, Any]:
        return self.web("POST", "/v1/pair", {"code": code}, origin)

    def status_with(self, token: str, origin: str = POS) -> int:
        return self.web("GET", "/v1/status", None, origin, Authorization=f"Bearer {token}")[0]


def exchange(line: http.client.HTTPConnection, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
    line.request(method, path, json.dumps(body) if body is not None else None, headers)
    answer = line.getresponse()
    raw = answer.read()
    line.close()
    return answer.status, json.loads(raw) if raw else None


@pytest.fixture
def room(counter: Any, serve: Any, tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    with serve(counter, access=made.access, unix_path=str(tmp_path / "api.sock")) as server:
        made.address = server.address
        yield made


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**8:08}"


def test_a_code_becomes_a_token_that_works_from_that_page_alone(room: Room) -> None:
    assert room.status_with("A" * 43) == 403  # nobody knows the page yet
    code = room.code()
    status, said = room.pair(code)
    assert (status, said["scopes"]) == (200, ["pos"])
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", said["token"])
    assert [room.status_with(said["token"], origin) for origin in (POS, OTHER, "")] == [200, 403, 403]
    assert [what for what, _ in room.record] == ["pairing_opened", "paired"]


def test_a_program_is_paired_without_an_origin_and_its_token_is_no_pages(room: Room) -> None:
    token = room.pair(room.code(""), "")[1]["token"]
    assert [room.status_with(token, ""), room.status_with(token)] == [200, 403]


def test_a_code_is_good_once(room: Room) -> None:
    code = room.code()
    assert room.pair(code)[0] == 200
    assert (room.pair(code)[0], room.pair(code)[1]["code"]) == (410, "E714")


def test_v22_after_five_wrong_codes_the_right_one_is_worth_nothing_either(room: Room) -> None:
    code = room.code()
    for _ in range(TRIES):
        status, said = room.pair(wrong(code))
        assert (status, said["code"]) == (403, "E713")
    assert (room.pair(code)[0], room.pair(wrong(code))[0]) == (410, 410)
    assert [what for what, _ in room.record] == ["pairing_opened", *["pairing_refused"] * 4, "pairing_voided"]
    assert code not in json.dumps(room.record)
    assert room.tokens.listed() == []
    assert room.pair(room.code())[0] == 200  # a new code starts anew


def test_a_code_ends_after_five_minutes_and_a_new_one_takes_the_old_ones_place(room: Room) -> None:
    old = room.code()
    new = room.code()
    assert room.pair(old)[0] in {403, 410}  # one in 10^8 times the two are alike
    room.now[0] += CODE_S - 1
    assert room.pair(new)[0] == 200
    late = room.code()
    room.now[0] += CODE_S
    assert room.pair(late)[0] in {403, 410}


def test_only_the_page_that_is_being_paired_may_try_and_only_to_pair(room: Room) -> None:
    code = room.code()
    assert room.pair(code, OTHER)[0] == 403
    assert room.pair(code, "")[0] == 410  # a program is not that page
    assert room.web("GET", "/v1/status")[0] == 403
    assert room.web("OPTIONS", "/v1/sales")[0] == 403
    assert room.web("OPTIONS", "/v1/pair")[0] == 204
    assert room.pair(code)[0] == 200


@pytest.mark.parametrize("code", ["1234567", "123456789", "1234567a", "１２３４５６７８", 12345678, None, ""])
def test_what_is_no_code_is_no_try(room: Room, code: Any) -> None:
    room.code()
    assert room.pair(code)[0] == 422
    assert len(room.record) == 1


def test_the_code_goes_to_the_slip_printer_on_request(room: Room) -> None:
    code = room.code(print=True)
    assert room.printed == [(code, "Web POS", POS)]


def test_the_slip_shows_the_code_large_in_both_languages_and_survives_its_storage() -> None:
    for lang in ("ja", "en"):
        slip = pairing_slip("0042-R2-20261122-P1", "喫茶", "R2", datetime(2026, 11, 22, 10, 0, tzinfo=UTC), lang, "12345678", "Web POS", POS)
        assert from_json(to_json(slip)) == slip
        assert Text("1234 5678", align="center", bold=True, wide=2, tall=2) in slip.lines


@pytest.mark.parametrize(
    "path, body", [("/v1/pairings", {"name": "x", "scopes": ["pos"]}), ("/v1/tokens/revoke", {"token": "x"}), ("/v1/tokens", None)]
)
def test_no_page_and_no_token_reaches_pairing_and_tokens(room: Room, path: str, body: Any) -> None:
    token = room.pair(room.code(scopes=["pos", "tech"]))[1]["token"]
    method, key = ("GET", {}) if body is None else ("POST", {"Idempotency-Key": "key-admin"})
    assert room.web(method, path, body, "", **key, **{"Sec-Fetch-Site": "same-origin"})[0] == 403
    assert room.web(method, path, body, POS, **key, Authorization=f"Bearer {token}")[0] == 403
    assert room.admin(method, path, body)[0] in {200, 404}


@pytest.mark.parametrize("scopes", [[], ["admin"], ["pos", "root"], "pos"])
def test_nobody_is_paired_for_more_than_the_two_scopes(room: Room, scopes: Any) -> None:
    assert room.admin("POST", "/v1/pairings", {"name": "x", "origin": POS, "scopes": scopes})[0] == 422


@pytest.mark.parametrize(
    "origin",
    ["pos.example.jp", "https://pos.example.jp/", "https://POS.example.jp", "https://pos.example.jp:443", "http://pos.example.jp:80", "null",
     "*",     "https://", "file://", "https://a@b", "https://pos.example.jp:0", "https://pos.example.jp:99999999"],
)  # fmt: skip
def test_what_no_browser_sends_as_an_origin_cannot_be_paired(room: Room, origin: str) -> None:
    assert room.admin("POST", "/v1/pairings", {"name": "x", "origin": origin, "scopes": ["pos"]})[0] == 409
    assert not is_origin(origin)


def test_a_stolen_token_is_worth_nothing_elsewhere_and_nothing_once_revoked(room: Room) -> None:
    stolen, other = room.pair(room.code())[1]["token"], room.pair(room.code(OTHER), OTHER)[1]["token"]
    assert [room.status_with(stolen, origin) for origin in (POS, OTHER, "")] == [200, 403, 403]
    listed = room.admin("GET", "/v1/tokens")[1]["tokens"]
    assert {one["origin"] for one in listed} == {POS, OTHER}
    assert stolen not in json.dumps(listed)
    first = next(one["id"] for one in listed if one["origin"] == POS)
    assert room.admin("POST", "/v1/tokens/revoke", {"token": first})[1]["revoked"] == ["Web POS"]
    assert [room.status_with(stolen), room.status_with(other, OTHER)] == [403, 200]  # the page is not known any more
    assert room.admin("POST", "/v1/tokens/revoke", {"token": first}, "another-key")[0] == 404
    assert room.record[-1] == ("token_revoked", {"name": "Web POS", "origin": POS})


def test_a_revoked_token_of_a_page_that_the_settings_name_is_refused_as_well(counter: Any, serve: Any, tmp_path: Path) -> None:
    made = Room(tmp_path)
    with serve(counter, access=made.access, foreign_origins=(POS,)) as server:
        made.address = server.address
        token = made.tokens.add("Web POS", POS, frozenset({"pos"}))
        assert made.status_with(token) == 200
        made.tokens.revoke("Web POS")
        assert made.status_with(token) == 401


def test_pairing_again_under_the_same_name_replaces_the_token(room: Room) -> None:
    first, second = (room.pair(room.code())[1]["token"] for _ in range(2))
    assert [room.status_with(token) for token in (first, second)] == [401, 200]
    assert len(room.tokens.listed()) == 1


def test_a_wish_repeated_with_its_key_opens_one_pairing(room: Room) -> None:
    wish = {"name": "Web POS", "origin": POS, "scopes": ["pos"]}
    first, again = (room.admin("POST", "/v1/pairings", wish, "pair-key-1") for _ in range(2))
    assert first == again
    assert len(room.record) == 1


# ---------------------------------------------------------------- the file


def test_the_file_holds_digests_only_is_the_agents_alone_and_outlives_it(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    token = TokenBook(path).add("Web POS", POS, frozenset({"pos", "tech"}))
    assert token not in path.read_text("utf-8")
    assert path.stat().st_mode & 0o777 == 0o600
    book = TokenBook(path)
    found = book.find(sha256(token.encode()).hexdigest())
    assert found is not None
    assert (found.name, found.origin, found.scopes) == ("Web POS", POS, {"pos", "tech"})
    assert book._noting is not None
    book._noting.join()  # the use is noted beside the request
    assert os.listdir(tmp_path) == ["tokens.json"]  # noqa: PTH208 - nothing half written lies beside it


def test_a_token_ends_after_four_hundred_days(tmp_path: Path) -> None:
    now = [datetime(2026, 11, 22, tzinfo=UTC)]
    book = TokenBook(tmp_path / "tokens.json", lambda: now[0])
    digest = sha256(book.add("Web POS", POS, frozenset({"pos"})).encode()).hexdigest()
    now[0] += LASTS - timedelta(seconds=1)
    assert book.find(digest) is not None
    now[0] += timedelta(seconds=1)
    assert book.find(digest) is None


def test_the_last_use_reaches_the_file_once_an_hour(tmp_path: Path) -> None:
    now = [datetime(2026, 11, 22, 9, 0, tzinfo=UTC)]
    book = TokenBook(tmp_path / "tokens.json", lambda: now[0])
    digest = sha256(book.add("Web POS", POS, frozenset({"pos"})).encode()).hexdigest()
    noted = []
    for minutes in (0, 30, 59, 61, 200):
        now[0] = datetime(2026, 11, 22, 9, 0, tzinfo=UTC) + timedelta(minutes=minutes)
        book.find(digest)
        assert book._noting is not None
        book._noting.join(10)
        noted.append(TokenBook(tmp_path / "tokens.json").listed()[0][1].last_used[11:16])
    assert noted == ["09:00", "09:00", "09:00", "10:01", "12:20"]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"tokens": {"x": 1}}', b"\xff", b'{"tokens": {"x": {"name": "a"}}}', b'{"tokens": []}'])
def test_a_damaged_file_lets_nobody_in_is_kept_aside_and_stops_nothing(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "tokens.json"
    path.write_bytes(damage)
    assert TokenBook(path).listed() == []
    assert (tmp_path / "tokens.damaged").read_bytes() == damage
    TokenBook(path).add("Web POS", POS, frozenset({"pos"}))
    assert len(TokenBook(path).listed()) == 1


def test_a_scope_that_a_file_claims_and_no_token_can_have_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    digest = sha256(TokenBook(path).add("x", POS, frozenset({"pos"})).encode()).hexdigest()
    path.write_text(path.read_text("utf-8").replace('"pos"\n', '"pos", "admin"\n'), "utf-8")
    assert '"admin"' in path.read_text("utf-8")
    found = TokenBook(path).find(digest)
    assert found is not None
    assert found.scopes == {"pos"}


def test_a_token_that_cannot_be_kept_is_not_given_and_the_code_stays_good(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    made = Room(folder)
    code = made.pairing.open("Web POS", POS, frozenset({"pos"}))
    folder.rename(tmp_path / "gone")
    with pytest.raises(StorageError, match="the tokens cannot be kept"):
        made.pairing.redeem(code, POS)
    (tmp_path / "gone").rename(folder)
    assert made.pairing.redeem(code, POS)[1] == {"pos"}


def test_what_cannot_go_on_record_is_not_done(tmp_path: Path) -> None:
    def broken(_what: str, _circumstances: Any) -> None:
        raise StorageError("the disk is gone")

    made = Room(tmp_path)
    code = made.pairing.open("Web POS", POS, frozenset({"pos"}))
    made.pairing._note = broken
    with pytest.raises(StorageError):
        made.pairing.redeem(code, POS)
    assert made.tokens.listed() == []


def test_there_is_a_most_of_tokens(tmp_path: Path) -> None:
    book = TokenBook()
    for number in range(MOST):
        book.add(f"till {number}", POS, frozenset({"pos"}))
    with pytest.raises(Refused, match="revoke some"):
        book.add("one more", POS, frozenset({"pos"}))
    assert book.add("till 3", POS, frozenset({"pos"}))


def test_a_token_without_dates_never_ends() -> None:
    assert datetime.fromisoformat(Paired("x", "", frozenset()).expires) > datetime.now(UTC) + LASTS
