"""What expires, what ranks are reckoned from, and what of it a store's registers get."""

from __future__ import annotations

import json
from datetime import date

import pytest

from posagent import events
from posagent.cli import main
from posagent.cloud import lots, schema
from posagent.cloud.audit import audit
from posagent.cloud.expire import expire_page
from posagent.cloud.reading import Place
from posagent.cloud.rules import today
from posagent.cloud.snapshot import members
from posagent.loyalty.program import read_program

DAY = 86_400
RULES = """schema = 1
[program]
id = "acme-cafe"
version = {version}
day_start = "05:00"
scope = {{ company = "acme", brand = "cafe", stores = ["*"] }}
[accounts.points]
label = "ポイント"
expire = {{ months = 1, from = "{start}" }}
[[earn]]
id = "base"
account = "points"
every = 100
give = 1
[rank]
metric_window = {window}
tiers = [
  {{ id = "silver", need = {{}} }}, {{ id = "gold", need = {{ spend = 20000, visits = 2 }} }}, {{ id = "vip", need = {{ staff = 1 }} }},
]
"""


def publish(cloud, start="earn", window='"lifetime"', version=13):
    text = RULES.format(start=start, window=window, version=version)
    assert cloud.call("PUT", "/v1/programs/*?tenant=acme", [], text.encode()).status == 201


def register(cloud, token="M1", number="2912345678901", **more):
    body = json.dumps({"number": number, "token": token} | more).encode()
    assert cloud.call("POST", "/v1/members?tenant=acme", [], body).status == 201


def snapshot(cloud, place=("acme", "0001", "")):
    found = cloud.receiver.engine.read(lambda work: members(work, Place(*place), cloud.receiver.now_ms()))
    return {one["token"]: one for one in found["members"].values()}


def expire(cloud):
    after, booked = "", 0
    while after is not None:
        answer = cloud.call("POST", "/v1/expire?tenant=acme", [], json.dumps({"after": after}).encode()).json()
        after, booked = answer["after"], booked + answer["booked"]
    return booked


def test_points_that_expire_by_lot_leave_what_can_be_used_and_then_the_ledger_once(cloud, shop):
    publish(cloud)
    register(cloud)
    shop.tell(events.SALE_GRANTED, [("points", 30, "2026-11-23")])
    shop.tell(events.SALE_GRANTED, [("points", 50, "2026-12-31")])
    assert snapshot(cloud)["M1"]["balances"] == {"points": 180}
    assert expire(cloud) == 0  # the last day is inclusive
    cloud.clock.now += DAY
    assert snapshot(cloud)["M1"]["balances"] == {"points": 150}
    assert cloud.balances("M1") == {"points": 180}  # nothing is booked before the run
    assert expire(cloud) == 1
    assert cloud.balances("M1") == {"points": 150}
    assert expire(cloud) == 0
    assert snapshot(cloud)["M1"]["balances"] == {"points": 150}
    cloud.clock.now += 60 * DAY
    assert expire(cloud) == 1
    assert cloud.balances("M1") == {"points": 100}  # of the first hundred nobody said until when
    page = cloud.call("GET", "/v1/members/M1?tenant=acme").json()
    assert [row["entries"] for row in page["ledger"] if row["type"] == events.BALANCE_EXPIRED] == [{"points": -50}, {"points": -30}]
    assert {row["store"] for row in cloud.call("GET", "/v1/stores?tenant=acme").json()["registers"]} == {"0001"}
    assert not cloud.receiver.engine.read(audit).problems


def test_points_that_live_by_activity_are_kept_alive_by_it_and_all_expire_together(cloud, shop):
    publish(cloud, "activity")
    shop.tell(events.SALE_GRANTED, [("points", 30, "2026-12-23")])
    cloud.clock.now += 20 * DAY
    shop.tell(events.SALE_GRANTED, [("points", 50, "2027-01-13")], business_date="2026-12-13")
    cloud.clock.now += 31 * DAY
    assert expire(cloud) == 0  # the last usable day
    cloud.clock.now += DAY
    assert expire(cloud) == 1
    assert cloud.balances("M1") == {"points": 0}
    shop.tell(events.SALE_GRANTED, [("points", 5, "2027-02-14")], business_date="2027-01-14")
    assert expire(cloud) == 0
    assert cloud.balances("M1") == {"points": 5}


def test_what_was_spent_or_voided_before_its_end_does_not_expire(cloud, shop):
    publish(cloud)
    shop.tell(events.SALE_GRANTED, [("points", 30, "2026-11-30")])
    shop.tell(events.SALE_GRANTED, [("points", 20, "2026-11-30")])
    shop.tell(events.POINTS_REDEEMED, [("points", -25)])  # nobody says of which: what ends first
    shop.tell(events.SALE_VOIDED, [("points", -20, "2026-11-30")])
    cloud.clock.now += 30 * DAY
    assert expire(cloud) == 1
    assert cloud.balances("M1") == {"points": 100}


def test_a_member_with_two_names_expires_under_the_token_and_once(cloud, shop):
    publish(cloud)
    hashed = cloud.receiver.engine.write(lambda work: number_hash_of(work))
    shop.tell(events.SALE_GRANTED, [("points", 30, "2026-11-30")], member=f"?{hashed}")
    shop.tell(events.SALE_GRANTED, [("points", 10, "2026-11-30")])
    register(cloud)
    cloud.clock.now += 30 * DAY
    assert expire(cloud) == 1
    assert expire(cloud) == 0
    assert snapshot(cloud)["M1"]["balances"] == {"points": 100}
    assert not cloud.receiver.engine.read(audit).problems


def number_hash_of(work):
    from posagent.cloud.publish import member_key, number_hash

    return number_hash(member_key(work, "acme"), "2912345678901")


def test_many_members_expire_page_by_page(sqlite_cloud, monkeypatch):
    monkeypatch.setattr("posagent.cloud.expire.PAGE", 3)
    publish(sqlite_cloud)
    names = [f"M{number:02}" for number in range(10)]
    rows = [("acme", name, "points", "2026-11-01", 5, "2026-11-01", "2026-10-01", "2026-10-01") for name in names]
    engine = sqlite_cloud.receiver.engine
    engine.write(lambda work: work.insert(schema.LOT, rows))
    engine.write(lambda work: work.insert(schema.BALANCE, [("acme", name, "points", 5) for name in names]))
    assert engine.write(lambda work: expire_page(work, "acme", "", sqlite_cloud.receiver.now_ms())) == ("M02", 3)
    assert expire(sqlite_cloud) == 7
    assert engine.read(lambda work: work.rows("SELECT sum(amount) FROM balance")) == [(0,)]
    for body in (b"[]", b'{"after": 7}', b'{"after": "\\u0000"}'):
        assert sqlite_cloud.call("POST", "/v1/expire?tenant=acme", [], body).status == 400


def test_the_command_books_what_has_expired_in_a_database_at_rest(sqlite_cloud, capsys):
    publish(sqlite_cloud)
    engine = sqlite_cloud.receiver.engine
    engine.write(lambda work: work.run("INSERT INTO lot VALUES ('acme','M1','points','2020-01-01',5,'2020-01-01','2019-01-01','2019-01-01')"))
    engine.write(lambda work: work.run("INSERT INTO balance VALUES ('acme','M1','points',5)"))
    sqlite_cloud.receiver.close()
    for words in ("1 balances", "0 balances"):
        assert main(["cloud", "expire", "--database", sqlite_cloud.url, "--company", "acme"]) == 0
        assert capsys.readouterr().out.startswith(words)


# ---------------------------------------------------------------- pure


def test_a_purse_is_the_sum_of_its_lots_whatever_order_its_events_came_in():
    rows = [
        lots.LotRow("2027-01-31", 100, "2027-01-31", "2026-11-01", "2026-11-01"),
        lots.LotRow("2027-02-28", -30, None, "2026-11-02", "2026-11-02"),
    ]
    found = lots.purse("points", 170, rows, {"points/2027-01-31": 50}, None, date(2026, 11, 23))
    assert [(lot.id, lot.left) for lot in found.lots] == [("points/2027-01-31", 70), ("points/2027-02-28", 0), ("points/", 100)]
    assert found.available == 120
    below = lots.purse("points", -5, rows[1:], {}, None, date(2026, 11, 23))
    assert (below.available, below.expired) == (-5, ())


@pytest.mark.parametrize(("ms", "day"), [(1_795_377_599_000, "2026-11-22"), (1_795_377_600_000, "2026-11-23")])
def test_the_business_date_begins_where_the_program_says(ms, day):
    program, problems = read_program(RULES.format(start="earn", window='"lifetime"', version=1))
    assert not problems
    assert today(program, ms).isoformat() == day  # 04:59:59 and 05:00:00 in Tokyo


# ---------------------------------------------------------------- ranks and coupons in the snapshot


def test_ranks_are_reckoned_from_the_window_and_what_head_office_entered_stands(cloud, shop):
    publish(cloud, window="{ months = 1 }")  # full calendar months before this one: October
    for number, (token, more) in enumerate({"M1": {}, "M2": {}, "M3": {"rank": "platinum"}, "M4": {"flags": ["staff"]}}.items()):
        register(cloud, token, f"291234567890{number}", **more)
    for token, days in (("M1", ("2026-10-01", "2026-10-31")), ("M2", ("2026-09-30", "2026-10-31")), ("M3", ())):
        for day in days:
            shop.tell(events.SALE_GRANTED, [("points", 100)], member=token, business_date=day, amount=10_000)
    assert {token: one["rank"] for token, one in snapshot(cloud).items()} == {"M1": "gold", "M2": "silver", "M3": "platinum", "M4": "vip"}
    shop.tell(events.SALE_VOIDED, [("points", -100)], member="M1", business_date="2026-10-31", amount=10_000)
    assert snapshot(cloud)["M1"]["rank"] == "silver"


def test_a_stores_snapshot_names_the_coupons_that_its_registers_may_honour_without_their_codes(cloud, shop):
    register(cloud)
    mine = {"bearer": False, "member": "M1"}
    brand = {"reach": "brand"}
    kinds = (brand, {"reach": "store"}, {"reach": "register"}, {"bearer": True}, {"last_day": "2026-11-22"}, brand | {"member": "M2"},
             {"first_day": "2026-12-01"}, brand, brand)  # fmt: skip
    for number, more in enumerate(kinds):
        shop.issue(f"{number:032x}", **(mine | {"coupon_id": f"c{number}"} | more))
    shop.tell(events.COUPON_REDEEMED, code_hash=f"{7:032x}")
    shop.tell(events.COUPON_VOIDED, code_hash=f"{8:032x}")
    here, there = snapshot(cloud)["M1"], snapshot(cloud, ("acme", "0002", ""))["M1"]
    assert [one["coupon_id"] for one in here["coupons"]] == ["c0", "c1", "c2"]
    assert here["coupons"][2]["register"] == "1"
    assert [one["coupon_id"] for one in there["coupons"]] == ["c0"]
    assert "code" not in json.dumps(here["coupons"])
