"""The release by PIN: over real connections, with the counter's own refusals, and what goes on record of it."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from posagent.errors import Refused, SettingsError
from posagent.screen.access import Access
from posagent.screen.tokens import TokenBook
from posagent.screen.unlocks import TRIES_PER_MINUTE, UNLOCK_S, Unlocks
from posagent.staff import Staff, read_staff, staff_file, store_pin, who_is
from posagent.strict import Table

MANAGER, CASHIER = Staff("M01", "manager", store_pin("47110815")), Staff("C07", "cashier", store_pin("2580"))
POS = "https://pos.example.jp"
VOID = {"sale_id": "S-1", "reason": "returned"}


class Record(list[tuple[str, dict[str, Any]]]):
    """What went on record."""

    def note(self, what: str, circumstances: Any) -> None:
        self.append((what, dict(circumstances)))


class Page:
    """A caller on loopback. Without ``more`` our own page."""

    def __init__(self, address: str, more: dict[str, str] | None = None) -> None:
        self._address, self._more = address, more or {"Sec-Fetch-Site": "same-origin"}

    def post(self, path: str, body: Any, key: str = "", unlock: str = "") -> tuple[int, Any]:
        host, _, port = self._address.rpartition(":")
        line = http.client.HTTPConnection(host, int(port), timeout=10)
        headers = {"Content-Type": "application/json", **self._more}
        headers |= {"Idempotency-Key": key} if key else {}
        headers |= {"Posagent-Unlock": unlock} if unlock else {}
        line.request("POST", path, json.dumps(body), headers)
        answer = line.getresponse()
        said = json.loads(answer.read())
        line.close()
        return answer.status, said

    def unlock(self, operator: str = "M01", pin: str = "47110815") -> tuple[int, Any]:
        return self.post("/v1/unlock", {"operator": operator, "pin": pin})


@pytest.fixture
def record() -> Record:
    return Record()


@pytest.fixture
def clock() -> list[float]:
    return [1000.0]


@pytest.fixture
def page(counter: Any, serve: Any, record: Record, clock: list[float]) -> Iterator[Page]:
    access = Access(unlocks=Unlocks((MANAGER, CASHIER), record.note, lambda: clock[0]))
    counter.record({"kind": "granted", "sale_id": "S-1", "member": "****", "points": 3, "amount": 300})
    with serve(counter, access=access) as server:
        yield Page(server.address)


def test_a_managers_pin_makes_the_void_the_managers(page: Page, counter: Any, record: Record) -> None:
    status, said = page.unlock()
    assert (status, said["role"], said["operator"], said["expires_s"]) == (200, "manager", "M01", 300)
    assert page.post("/v1/voids", {**VOID, "operator": "C07"}, "void-0001", said["unlock"])[0] == 200
    assert counter.calls == [("void", "S-1", "returned", "M01", "manager")]
    assert record == [("unlocked", {"door": "page", "operator": "M01", "role": "manager"})]


@pytest.mark.parametrize("path", ["/v1/voids", "/v1/refunds", "/v1/adjustments"])
def test_without_a_managers_release_nothing_of_his_is_done_whatever_the_request_says(page: Page, counter: Any, path: str) -> None:
    cashier = page.unlock("C07", "2580")[1]["unlock"]
    for release in ("", cashier):
        status, said = page.post(path, {**VOID, "role": "manager", "operator": "M01"}, "void-0001", release)
        assert (status, said["code"]) == (403, "E613")
    assert counter.calls == []


def test_what_the_counter_itself_refuses_hears_of_no_manager_without_a_release(page: Page, counter: Any) -> None:
    asked: list[tuple[Any, ...]] = []

    def report(*order: Any) -> None:
        asked.append(order)
        raise Refused("closing needs a manager", code="E613")

    counter.report = report
    assert page.post("/v1/reports", {"kind": "z", "role": "manager", "operator": "C07"}, "close-0001")[0] == 403
    assert asked == [("z", None, "C07", "cashier", "close-0001")]


def test_the_refused_void_goes_through_with_the_same_key_once_the_pin_was_entered(page: Page, counter: Any) -> None:
    assert page.post("/v1/voids", VOID, "void-0001")[1]["code"] == "E613"
    assert page.post("/v1/voids", VOID, "void-0001", page.unlock()[1]["unlock"])[0] == 200


def test_where_no_manager_has_a_pin_the_requests_word_holds(counter: Any, serve: Any, record: Record) -> None:
    counter.record({"kind": "granted", "sale_id": "S-1", "member": "****", "points": 3, "amount": 300})
    with serve(counter, access=Access(unlocks=Unlocks((CASHIER,), record.note))) as server:
        page = Page(server.address)
        assert page.post("/v1/voids", {**VOID, "role": "manager", "operator": "boss"}, "void-0001")[0] == 200
        assert page.post("/v1/voids", VOID, "void-0002", page.unlock("C07", "2580")[1]["unlock"])[0] == 200
    assert [call[3:] for call in counter.calls] == [("boss", "manager"), ("C07", "cashier")]


def test_where_nobody_has_a_pin_the_answer_says_how_to_make_one(server: Any) -> None:
    status, said = Page(server.address).unlock()
    assert (status, said["code"]) == (409, "E711")
    assert "posagent staff pin" in said["detail"]


@pytest.mark.parametrize("operator, pin", [("M01", "47110816"), ("M02", "47110815"), ("C07", "47110815"), ("m01", "47110815")])
def test_a_wrong_code_and_a_wrong_pin_get_the_same_answer(page: Page, operator: str, pin: str) -> None:
    status, said = page.unlock(operator, pin)
    assert (status, said["code"]) == (403, "E710")
    assert said["detail"] == page.unlock("M01", "0000")[1]["detail"]


@pytest.mark.parametrize("pin", ["", "471", "4" * 13, "４７１１", "47a1", " 4711", "4711\n", 4711, None])
def test_what_is_no_pin_is_no_try(page: Page, record: Record, pin: Any) -> None:
    assert page.unlock("M01", pin)[0] == 422
    assert record == []


def test_five_wrong_pins_lock_the_register_for_a_minute_even_for_the_right_one(page: Page, clock: list[float], record: Record) -> None:
    for number in range(TRIES_PER_MINUTE):
        clock[0] += 10
        assert page.unlock("M01" if number % 2 else "C07", "0000")[0] == 403
    status, said = page.unlock()
    assert (status, said["code"]) == (429, "E705")
    clock[0] += 59.0
    assert page.unlock()[0] == 429
    clock[0] += 1.5
    assert page.unlock()[0] == 200
    assert [what for what, _ in record] == ["pin_refused"] * TRIES_PER_MINUTE + ["unlocked"]


def test_tries_that_come_at_once_are_counted_one_by_one(record: Record) -> None:
    unlocks, refused = Unlocks((MANAGER,), record.note), []
    ready = threading.Barrier(12)

    def attempt() -> None:
        ready.wait(10)
        try:
            unlocks.unlock("M01", "0000", "page")
        except Refused as no:
            refused.append(no.code)

    threads = [threading.Thread(target=attempt) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(refused) == ["E705"] * 7 + ["E710"] * 5


def test_no_record_and_no_answer_holds_a_pin_or_what_may_be_one(page: Page, record: Record, caplog: Any) -> None:
    caplog.set_level("DEBUG")
    answers = [page.unlock("M01", "98765431"), page.unlock("98765431", "47110815"), page.unlock()]
    said = json.dumps([answers, record]) + caplog.text
    assert "98765431" not in said
    assert "47110815" not in said
    assert [circumstances["operator"] for _, circumstances in record] == ["M01", "", "M01"]


def test_a_release_ends_after_five_minutes_and_says_so(page: Page, clock: list[float], counter: Any) -> None:
    token = page.unlock()[1]["unlock"]
    clock[0] += UNLOCK_S - 1
    assert page.post("/v1/voids", VOID, "void-0001", token)[0] == 200
    clock[0] += 2
    status, said = page.post("/v1/voids", VOID, "void-0002", token)
    assert (status, said["code"]) == (403, "E712")
    assert len(counter.calls) == 1


@pytest.mark.parametrize("shown", ["A" * 43, "null", "ä"])
def test_a_made_up_release_is_refused_rather_than_passed_over(page: Page, counter: Any, shown: str) -> None:
    assert page.post("/v1/voids", VOID, "void-0001", shown)[1]["code"] == "E712"
    assert counter.calls == []


def test_one_callers_release_is_worth_nothing_in_anothers_hand(counter: Any, serve: Any, record: Record) -> None:
    book = TokenBook()
    web = {"Origin": POS, "Authorization": "Bearer " + book.add("web POS", POS, frozenset({"pos"}))}
    with serve(counter, access=Access(book, unlocks=Unlocks((MANAGER,), record.note))) as server:
        own, foreign = Page(server.address), Page(server.address, web)
        release = own.unlock()[1]["unlock"]
        assert foreign.post("/v1/voids", VOID, "void-0001", release)[1]["code"] == "E712"
        assert foreign.unlock()[0] == 200
    assert counter.calls == []
    assert record[1][1]["door"] == "web web POS"


def test_old_releases_make_room_so_that_they_cannot_pile_up(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posagent.screen.unlocks._MOST", 3)
    unlocks = Unlocks((CASHIER,), record.note)
    tokens = [unlocks.unlock("C07", "2580", "page")[0] for _ in range(5)]
    assert [unlocks.person(token, "page") is not None for token in tokens] == [False] * 2 + [True] * 3


# ---------------------------------------------------------------- how PINs are kept


def test_a_stored_pin_fits_only_itself_and_no_two_stored_ones_are_alike() -> None:
    assert store_pin("4711") != store_pin("4711")
    assert who_is((MANAGER,), "M01", "47110815") == MANAGER
    assert who_is((MANAGER,), "M01", "4711081") is None
    assert who_is((), "M01", "47110815") is None


@pytest.mark.parametrize("pin", ["", "123", "4" * 13, "abcd", "1111", "1234", "987654", "４７１１"])
def test_a_pin_that_everybody_tries_first_or_that_is_none_is_not_made(pin: str) -> None:
    with pytest.raises(ValueError, match="PIN"):
        store_pin(pin)


@pytest.mark.parametrize(
    "pin",
    ["4711", 4711, None, "", "scrypt:16384:8:1:x:y", MANAGER.pin[:-1],
     MANAGER.pin.replace("16384", "1024"), MANAGER.pin.replace("16384", "16385"),
     MANAGER.pin.replace("16384:8", "65536:99")],
)  # fmt: skip
def test_a_file_with_a_plain_or_weak_pin_is_refused_without_repeating_it(pin: Any) -> None:
    table = Table({"code": "M01", "role": "manager", **({} if pin is None else {"pin": pin})}, "staff[1]")
    read_staff([table])
    assert len(table.problems) == 1
    assert "posagent staff pin" in table.problems[0].message
    assert "4711" not in str(table.problems[0])


def test_two_people_need_two_codes() -> None:
    problems: list[Any] = []
    read_staff([Table({"code": "M01", "role": "manager", "pin": MANAGER.pin}, "staff", problems=problems) for _ in range(2)])
    assert ["somebody else's" in one.message for one in problems] == [True]


def test_a_staff_file_that_others_may_write_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "staff.toml"
    path.write_text(f'[[staff]]\ncode = "M01"\nrole = "manager"\npin = "{MANAGER.pin}"\n', "utf-8")
    path.chmod(0o640)
    assert staff_file(path) == (MANAGER,)
    path.chmod(0o660)
    with pytest.raises(SettingsError, match="others may change"):
        staff_file(path)
