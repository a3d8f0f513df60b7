"""JSON in and out: untrusted records are read strictly, quotes are written canonically."""

# ruff: noqa: E501 - program texts and messages stand on one line, as they are written and printed

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import pytest

from posagent.loyalty import Coupon, Line, Member, Reason, Reduction, Register, Sale, SaleRejected
from posagent.loyalty.records import canonical, coupon_from, member_from, moment, plain, register_from, sale_from

AT = datetime.fromisoformat("2026-06-02T15:00:00+09:00")
SALE = {"sale_id": "s", "at": "2026-06-02T15:00:00+09:00", "lines": [{"amount": 100}]}


def test_a_full_sale_is_read() -> None:
    value = {
        "sale_id": "s1",
        "at": "2026-06-02T15:00:00+09:00",
        "operator": "op",
        "lines": [{"amount": 1000, "category": "drink", "tax": 800, "qty": 2, "net": 926}, {"amount": 5, "net": None}],
        "reductions": [{"kind": "points", "amount": 10, "lines": [0], "coupon": "C"}, {"amount": 1}, {"amount": 2, "lines": []}],
        "codes": ["C1"],
        "coupons": [{"code": "C1", "definition": "d"}],
        "tender": ["cash"],
        "clock_ok": False,
    }
    assert sale_from(value) == Sale(
        "s1",
        AT,
        (Line(1000, "drink", 800, 2, 926), Line(5)),
        "op",
        (Reduction("points", 10, (0,), "C"), Reduction("discount", 1), Reduction("discount", 2, ())),
        ("C1",),
        (Coupon("C1", "d"),),
        ("cash",),
        False,
    )
    assert sale_from({"sale_id": "s", "at": SALE["at"], "total": 300}) == Sale("s", AT, (Line(300),))
    assert sale_from({"sale_id": "s", "at": SALE["at"], "lines": []}) == Sale("s", AT, ())


def test_a_full_member_register_and_coupon_are_read() -> None:
    coupon = {
        "code": "C",
        "definition": "d",
        "first_day": "2026-06-01",
        "last_day": "2026-06-30",
        "reach": "store",
        "state": "printed",
        "member": "m",
        "brand": "b",
        "store": "s",
        "register": "r",
        "blocked": True,
    }
    made = Coupon("C", "d", date(2026, 6, 1), date(2026, 6, 30), "store", "printed", "m", "b", "s", "r", True)
    assert coupon_from(coupon) == made
    member = {
        "token": "m",
        "status": "earn_only",
        "rank": "gold",
        "birth_month": 6,
        "first": True,
        "flags": ["vip"],
        "balances": {"points": 5},
        "coupons": [coupon],
        "as_of": "2026-06-02T15:00:00+09:00",
        "last_at": {"stamps": "2026-06-02T15:00:00+09:00"},
        "issued": ["x"],
    }
    assert member_from(member) == Member("m", "earn_only", "gold", 6, True, ("vip",), {"points": 5}, (made,), AT, {"stamps": AT}, ("x",))
    assert member_from({"token": "m"}) == Member("m")
    register = {"company": "c", "brand": "b", "store": "s", "register": "r", "tax_rounding": "ceil", "program": "p@1"}
    assert register_from(register) == Register("c", "b", "s", "r", "ceil", "p@1")
    assert register_from({}) == Register()
    assert coupon_from({"code": "C", "definition": "d"}) == Coupon("C", "d")


@pytest.mark.parametrize(
    "value,code,message",
    [
        ([], "type", "sale must be an object, not list"),
        ({}, "missing", "sale needs either lines or total"),
        ({**SALE, "total": 5}, "missing", "sale needs either lines or total"),
        ({"lines": []}, "missing", "sale.sale_id is missing"),
        ({"sale_id": "s", "lines": []}, "missing", "sale.at is missing"),
        ({**SALE, "sale_id": 5}, "type", "sale.sale_id must be a text, not 5"),
        ({**SALE, "at": "2026-06-02"}, "time", "sale.at must be a time with an offset like 2026-04-01T10:00:00+09:00, not '2026-06-02'"),
        ({**SALE, "at": "noon"}, "time", "sale.at must be a time with an offset like 2026-04-01T10:00:00+09:00, not 'noon'"),
        ({**SALE, "lines": 5}, "type", "sale.lines must be a list, not 5"),
        ({**SALE, "lines": [{"amount": 1}, {}]}, "missing", "sale.lines[2].amount is missing"),
        ({**SALE, "lines": [{"amount": True}]}, "type", "sale.lines[1].amount must be a whole number, not True"),
        ({**SALE, "lines": [{"amount": 1.5}]}, "type", "sale.lines[1].amount must be a whole number, not 1.5"),
        ({**SALE, "lines": [{"amount": 1, "name": "tea"}]}, "unknown", "sale.lines[1].name is not known; known: amount, category, net, qty, tax"),
        ({**SALE, "lines": [{"amount": 1}] * 501}, "range", "sale.lines holds 501 items; at most 500 are possible"),
        ({**SALE, "codes": ["a"] * 10_001}, "range", "sale.codes holds 10001 items; at most 10000 are possible"),
        ({**SALE, "codes": [5]}, "type", "sale.codes must hold texts only"),
        ({**SALE, "clock_ok": 1}, "type", "sale.clock_ok must be true or false, not 1"),
        ({**SALE, "reductions": [{"kind": "gift", "amount": 1}]}, "type",
         "sale.reductions[1].kind must be one of discount, coupon, points, value, not 'gift'"),
        ({**SALE, "reductions": [{"kind": "points"}]}, "missing", "sale.reductions[1].amount is missing"),
        ({**SALE, "reductions": [{"amount": 1, "lines": [True]}]}, "type", "sale.reductions[1].lines must hold whole numbers only"),
        ({**SALE, "reductions": [{"amount": 1, "x": 1}]}, "unknown", "sale.reductions[1].x is not known; known: amount, coupon, kind, lines"),
        ({**SALE, "coupons": [{"code": "C"}]}, "missing", "sale.coupons[1].definition is missing"),
        ({**SALE, "coupons": [{"definition": "C"}]}, "missing", "sale.coupons[1].code is missing"),
        ({**SALE, "coupons": [{"code": "C", "definition": "d", "last_day": "soon"}]}, "type",
         "sale.coupons[1].last_day must be a date like 2026-04-01, not 'soon'"),
        ({**SALE, "x": 1}, "unknown",
         "sale.x is not known; known: at, clock_ok, codes, coupons, lines, operator, reductions, sale_id, tender, total"),
        ({**SALE, "operator": "x" * 100, "codes": "y" * 100}, "type", "sale.codes must be a list, not '" + "y" * 39),
    ],
)
def test_a_sale_that_is_wrong_is_refused_with_its_path(value: object, code: str, message: str) -> None:
    with pytest.raises(SaleRejected) as refused:
        sale_from(value)
    assert (refused.value.code, str(refused.value)) == (code, message)


@pytest.mark.parametrize(
    "value,message",
    [
        ({}, "member.token is missing"),
        ({"token": "m", "status": "gone"}, "member.status must be one of active, earn_only, blocked, unverified, not 'gone'"),
        ({"token": "m", "balances": {"points": True}}, "member.balances must hold whole numbers only"),
        ({"token": "m", "balances": []}, "member.balances must be an object, not []"),
        ({"token": "m", "last_at": {"stamps": 5}}, "member.last_at.stamps must be a time with an offset like 2026-04-01T10:00:00+09:00, not '5'"),
        ({"token": "m", "as_of": "x"}, "member.as_of must be a time with an offset like 2026-04-01T10:00:00+09:00, not 'x'"),
        ({"token": "m", "name": "Yamada"},
         "member.name is not known; known: as_of, balances, birth_month, coupons, first, flags, issued, last_at, rank, status, token"),
        ({"token": "m", "coupons": [5]}, "member.coupons[1] must be an object, not int"),
        ("m", "member must be an object, not str"),
    ],
)
def test_a_member_that_is_wrong_is_refused_with_its_path(value: object, message: str) -> None:
    with pytest.raises(SaleRejected) as refused:
        member_from(value)
    assert str(refused.value) == message


def test_a_register_or_coupon_that_is_wrong_is_refused_with_its_path() -> None:
    cases: list[tuple[Any, Any, str]] = [
        (register_from, {"tax_rounding": "up"}, "register.tax_rounding must be one of floor, half_up, ceil, not 'up'"),
        (register_from, {"x": 1}, "register.x is not known; known: brand, company, program, register, store, tax_rounding"),
        (register_from, 5, "register must be an object, not int"),
        (coupon_from, {"code": "C", "definition": "d", "state": "lost"},
         "coupon.state must be one of issued, printed, used, void, expired, not 'lost'"),
        (coupon_from, {"code": "C", "definition": "d", "reach": "world"}, "coupon.reach must be one of register, store, brand, not 'world'"),
        (coupon_from, {"code": "C", "definition": "d", "x": 1},
         "coupon.x is not known; known: blocked, brand, code, definition, first_day, last_day, member, reach, register, state, store"),
    ]
    for read, value, message in cases:
        with pytest.raises(SaleRejected) as refused:
            read(value)
        assert str(refused.value) == message


def test_a_time_needs_its_offset() -> None:
    assert moment("2026-06-02T15:00:00+09:00") == AT
    with pytest.raises(SaleRejected, match=r"^time must be a time with an offset") as refused:
        moment("2026-06-02T15:00:00")
    assert refused.value.code == "time"


def test_one_text_per_value() -> None:
    reason = Reason("earn", (("rule", "b"), ("gives", 3)))
    value = {"z": (1, date(2026, 6, 1)), "a": {"日本", "x"} and frozenset({"b", "a"}), 5: [reason, Line(1), AT, None, True]}
    assert canonical(value) == (
        '{"5":[{"code":"earn","gives":3,"rule":"b"},{"amount":1,"category":"*","net":null,"qty":1,"tax":1000},'
        '"2026-06-02T15:00:00+09:00",null,true],"a":["a","b"],"z":[1,"2026-06-01"]}'
    )
    assert canonical("日本") == '"日本"'
    assert plain(Line) is Line
    with pytest.raises(ValueError, match="Out of range float"):
        canonical(float("nan"))
    assert json.loads(canonical(Member("m", last_at={"s": AT})))["last_at"] == {"s": "2026-06-02T15:00:00+09:00"}
