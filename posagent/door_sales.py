"""Owns what becomes of captured sales: receipts are read by their profile, sales go to the counter, refunds and doubts to the page.

What is captured is less certain than what a POS says by itself, so a paid receipt with a number counts like a sale of the API (and has the
same key) once its door has earned trust (`posagent.door_trust`); without a number, a payment or trust it only pre-fills. Of the text nothing is
kept but total, kind, number and digest.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import replace
from datetime import datetime
from functools import partial
from hashlib import sha256

from posagent.agent import Ask, Say
from posagent.checkout import Basket
from posagent.counter_parts import Reply, SaleArrived
from posagent.door_taps import Ears, tap_of
from posagent.door_trust import NO_TRUST_NEEDED, Trust
from posagent.doors.escpos_text import Document
from posagent.doors.profiles import PLAIN, Profile
from posagent.doors.receipt import Receipt
from posagent.errors import DeviceTimeout
from posagent.loyalty.model import Sale, SaleRejected
from posagent.ports import ByteDoor, CapturedSale, Device, Options, ReadSale
from posagent.receipt_profiles import load_profile
from posagent.refunds import RungUp

_log = logging.getLogger(__name__)
LONGEST_NUMBER = 40
RECORDED_S = 10.0
"""How long a sale from a file may take to be on record, before the file is read again from where it was."""


class DoorSales:
    """One sale door's way to the counter. ``post`` puts into the agent's inbox. Raises SettingsError when its profile is wrong."""

    def __init__(
        self, name: str, options: Options, post: Callable[[Ask | Say], None], *, trust: Trust = NO_TRUST_NEEDED,
        seen: Callable[[str, Document], None] = lambda door, document: None, refund: Callable[[RungUp], None],
    ) -> None:  # fmt: skip
        """``refund`` gets what came back; it must not block."""
        self._name, self._post, self._seen, self._refund = name, post, seen, refund
        self.use(load_profile(options["profile"], options.get("profiles", "")) if options.get("profile") else PLAIN, trust)
        self._grants_without_number = options.get("without_number") == "grant"

    def use(self, profile: Profile, trust: Trust) -> None:
        """Reads by this profile from the next receipt on, which counts as far as it is trusted."""
        self.profile, self._trust = profile, trust

    def prepare(self, device: Device) -> None:
        """A newly opened door: bytes need somebody who understands them."""
        if isinstance(device, ByteDoor):
            ears = Ears(lambda: self.profile, self._unclear, lambda document: self._seen(self._name, document))
            device.understand_with(tap_of(device.carries, self._name, ears))

    def take(self, sale: CapturedSale) -> None:
        """One captured sale or refund. Raises DeviceTimeout where a sale from a file is not on record in time: it will be read again."""
        if sale.kind == "refund":
            self._refund(refund_of(sale, self._name, time.time_ns()))
            return
        grants = self._trust.earned
        basket = basket_of(sale, self._name, datetime.now().astimezone(), time.time_ns(), grants_without_number=self._grants_without_number)
        basket = replace(basket, paid=basket.paid and grants)
        self._trust.offered(basket.key, basket.total)
        answer: Future[Reply] = Future()
        answer.add_done_callback(partial(self._answered, basket.key))
        self._post(Ask(lambda now, reply: SaleArrived(now, basket, reply), answer))
        if isinstance(sale, ReadSale) and sale.standing:
            try:
                answer.result(RECORDED_S)
            except (TimeoutError, CancelledError):
                raise DeviceTimeout(f"{self._name}: a sale was not recorded in time; its file is read again", code="E200") from None

    def _answered(self, key: str, answer: Future[Reply]) -> None:
        if not answer.cancelled():
            reply = answer.result()
            if reply.status == "already":
                self._trust.withdrawn(key)
            _log.info("%s: sale %s %s", self._name, reply.fields.get("sale_id", ""), reply.status)

    def _unclear(self, receipt: Receipt) -> None:
        self._post(Say("E634", {"device": self._name, "why": receipt.why[0]}))


def refund_of(sale: CapturedSale, door: str, now_ns: int) -> RungUp:
    """A refund as the desk takes it. The same text again is the same refund; without one every capture is its own."""
    digest, original = (sale.digest, sale.refund_of) if isinstance(sale, ReadSale) else ("", "")
    return RungUp(f"{door}/{digest or now_ns}", abs(sale.total), original, sale.receipt_no or "", door)


def basket_of(sale: CapturedSale, door: str, at: datetime, now_ns: int, *, grants_without_number: bool) -> Basket:
    """The counter's sale. The key is the receipt number, as the API makes it; else the moment of the capture and the digest of the text."""
    number = sale.receipt_no if sale.receipt_no and len(sale.receipt_no) <= LONGEST_NUMBER else None
    digest = sale.digest if isinstance(sale, ReadSale) else sha256(repr(sale).encode()).hexdigest()[:12]
    standing = isinstance(sale, ReadSale) and sale.standing
    key = f"n{number}" if number else f"f{digest}" if standing else f"c{now_ns // 1_000_000:x}{digest}"
    try:
        lines = Sale.of_total("", at, sale.total, tax_split=sale.tax_split).lines
    except SaleRejected:  # a rate that the rules do not know: the total counts all the same
        lines = Sale.of_total("", at, sale.total).lines
    return Basket(key, lines, at, sale.paid and (number is not None or grants_without_number), door, number)
