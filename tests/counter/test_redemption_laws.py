"""Whatever happens at the till and on the line: nothing is used twice, nothing is told that is not on record, nothing kept is forgotten."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from counter_till import SHOP, Office, Till, coupon, rules
from hypothesis import example, given, settings
from hypothesis import strategies as st

from posagent import events as ev
from posagent.counter_parts import Cleared
from posagent.open_checkout import open_checkout
from posagent.redeeming import FoundCoupon

CODES = ("a" * 32, "b" * 32, "c" * 32)
OWN = CODES[:2]  # issued here: the journal knows them; the others head office alone
USES = {ev.COUPON_REDEEMED, ev.POINTS_REDEEMED, ev.VALUE_SPENT}
KEYS = ["n1", "n2", "n3"]

NOISE = st.one_of(
    st.tuples(st.just("scan"), st.sampled_from(["m1", "m2"])),
    st.tuples(st.just("release"), st.integers(0, 3)),
    st.tuples(st.just("wait"), st.sampled_from([1, 3, 130, 1000])),
    st.tuples(st.just("break"), st.sampled_from(["", "failed", "full"])),
    st.tuples(st.just("line"), st.sampled_from(["up", "down", "mute"])),
    st.tuples(st.just("restart")),
    st.tuples(st.just("clear")),
    st.tuples(st.just("sale"), st.sampled_from(KEYS), st.sampled_from([300, 900]), st.booleans()),
    st.tuples(st.just("void"), st.sampled_from(KEYS)),
)
USE = st.one_of(
    st.tuples(st.just("coupon"), st.sampled_from(CODES)),
    st.tuples(st.just("points"), st.sampled_from([10, 200, 480])),
    st.tuples(st.just("value"), st.sampled_from([100, 700])),
)
VISIT = st.tuples(
    st.tuples(st.just("begin"), st.sampled_from(["m1", "m1", "m2", ""]), st.sampled_from(KEYS), st.sampled_from([900, 2500])),
    st.lists(st.one_of(USE, USE, NOISE), min_size=1, max_size=5),
    st.sampled_from([("pay", False), ("pay", False), ("pay", True), ("pay and void",), ("restart",), ("clear",), ("line", "up")]),
)
ACTIONS = st.lists(VISIT, min_size=1, max_size=5).map(lambda visits: [one for begin, middle, end in visits for one in (begin, *middle, end)])
"""A customer, what is used in the sale, what disturbs it, and how it ends."""


class World:
    """A till, its head office, and what was told to the people in front of it."""

    def __init__(self) -> None:
        office = Office({("m1", "points"): 500, ("m1", "value"): 1000}, {code: (coupon(code, "gift-or-yen"), "usable") for code in CODES})
        program = SHOP.replace('id = "half"', 'id = "gift-or-yen"')
        self.till = Till(replace(rules(program), head_office=True), office)
        self.hold = 0

    def journal_knows(self, code: str) -> FoundCoupon | None:
        """As `posagent.coupon_book` reads it."""
        if code not in OWN:
            return None
        used = sum(draft.type == ev.COUPON_REDEEMED and draft.data["code_hash"] == code for draft in self.till.stored)
        back = sum(code in draft.data.get("coupons_back", ()) for draft in self.till.stored)
        return replace(coupon(code, "gift-or-yen", state="used" if used > back else "printed"), given_back=back)

    def do(self, action: tuple[Any, ...]) -> None:
        till = self.till
        match action:
            case ("scan", token):
                till.scan(token)
            case ("begin", token, key, amount):
                till.broken = ""
                till.wait(20)
                till.sale(key, amount, paid=False)
                if token:
                    till.scan(token)
            case ("pay", after) if till.state.basket:
                self.pay(after=after)
            case ("pay and void",) if (basket := till.state.basket):
                self.pay(after=False)
                till.void(f"0042-R2-2026-11-22-{basket.key}")
            case ("sale", key, amount, paid):
                till.sale(key, amount, paid=paid)
            case ("coupon", code):
                till.redeem("coupon", 0, code, self.journal_knows(code), self.minted())
            case ("points" | "value" as kind, amount):
                till.redeem(kind, amount, hold=self.minted())
            case ("release", which):
                till.release(f"h{which}")
            case ("void", key):
                till.void(f"0042-R2-2026-11-22-{key}")
            case ("wait", seconds):
                till.wait(seconds)
            case ("break", how):
                till.broken = how
            case ("line", how):
                self.line(how)
            case ("restart",):
                till.state = till.restarted()
            case ("clear",):
                till.feed(Cleared(till.now()))
        if till.connected and not till.office.lost:
            till.synced()
        self.check()

    def pay(self, *, after: bool) -> None:
        """As a POS does that takes off what it was told, or one that does not."""
        basket = self.till.state.basket
        assert basket is not None
        shown = open_checkout(self.till.state, self.till.now(), self.till.rules)
        assert shown is not None
        self.till.sale(basket.key, shown["payable"] if after else basket.total, after=after)

    def minted(self) -> str:
        self.hold += 1
        return f"h{self.hold % 6}" if self.hold % 6 in self.fresh() else f"x{self.hold}"

    def fresh(self) -> set[int]:
        return {number for number in range(6) if f"h{number}" not in self.till.office.holds}

    def line(self, how: str) -> None:
        """down: nobody hears and the register knows; mute: what is asked arrives, the answers do not."""
        self.till.connected, self.till.offline, self.till.office.lost = how != "down", how == "down", how == "mute"

    # ---------------------------------------------------------------- the laws

    def check(self) -> None:
        stored = self.till.stored
        uses = [draft for draft in stored if draft.type in USES]
        back = Counter(code for draft in stored for code in draft.data.get("coupons_back", ()))
        for code, count in Counter(draft.data["code_hash"] for draft in uses if draft.type == ev.COUPON_REDEEMED).items():
            assert count - back[code] in {0, 1}, "a coupon is used twice"
        assert max(Counter(draft.data["redemption_id"] for draft in uses).values(), default=1) == 1, "a redemption is used twice"
        kept = {draft.data["redemption_id"] for draft in stored if draft.type == ev.HOLD_PLACED}
        assert {draft.data["redemption_id"] for draft in uses} <= kept, "something is used that was never kept"
        told = {reply.fields["id"] for reply in self.till.replies.values() if reply.status == "redeemed"}
        assert told <= kept, "something is told that is not on record"
        ended = {draft.data["redemption_id"] for draft in uses} | {d.data["redemption_id"] for d in stored if d.type == ev.HOLD_RELEASED}
        open_now = {one.id for one in self.till.state.redemptions if not one.used}
        assert kept - ended <= open_now, "something that was kept is forgotten"
        for draft in stored:
            if draft.type == ev.SALE_GRANTED:
                recorded = {one.data["redemption_id"] for one in uses if one.data["sale_id"] == draft.data["sale_id"]}
                assert {one["id"] for one in draft.data["trace"]["used"]} <= recorded, "a grant counts what is not on record as used"

    def end(self) -> None:
        """The line comes back, everything is sent, and what was open runs out."""
        self.till.broken = ""
        self.line("up")
        self.till.synced()
        self.till.wait(2000)
        self.till.wait(1)
        self.till.synced()
        self.check()
        assert not self.till.state.asking
        assert not [one for one in self.till.state.redemptions if not one.used]
        taken_back = sum(-draft.data["points"] for draft in self.till.stored if draft.type == ev.SALE_VOIDED)
        balances = self.till.office.balances
        assert balances["m1", "points"] >= -taken_back, "more points were used than there were"
        assert balances["m1", "value"] + balances.get(("m1", "bonus"), 0) >= 0, "more value was spent than there was"


@settings(max_examples=150, deadline=None)
@given(ACTIONS)
@example([("sale", "n1", 900, False), ("coupon", CODES[0]), ("restart",), ("break", "failed"), ("wait", 1000), ("break", ""), ("wait", 1)])
@example([("sale", "n1", 900, False), ("line", "down"), ("coupon", CODES[0]), ("sale", "n1", 900, True), ("line", "up"), ("coupon", CODES[0])])
def test_nothing_is_used_twice_and_nothing_is_told_that_is_not_stored(actions: list[tuple[Any, ...]]) -> None:
    world = World()
    for action in actions:
        world.do(action)
    world.end()


@settings(max_examples=60, deadline=None)
@given(ACTIONS)
def test_a_restart_at_any_moment_knows_what_is_kept_and_what_is_used(actions: list[tuple[Any, ...]]) -> None:
    world = World()
    for action in actions:
        world.do(action)
        now, again = world.till.state, world.till.restarted()
        assert {one.id for one in again.redemptions if not one.used} == {one.id for one in now.redemptions if not one.used}
        assert {sale: {one.id for one in live.used} for sale, live in again.live.items()} == {
            sale: {one.id for one in live.used} for sale, live in now.live.items()
        }
        assert again.days == now.days
