"""Owns what becomes of captured sales: receipts are read by their profile, sales go to the counter, refunds and doubts to the page.

What is captured is less certain than what a POS says by itself, so a paid receipt with a number counts like a sale of the API (and has the
same key); one without a number, or without a payment on it, only pre-fills. Of the text nothing is kept but total, kind, number and digest.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Literal

from posagent.agent import Ask, Say
from posagent.checkout import Basket
from posagent.counter_parts import Reply, SaleArrived
from posagent.doors.escpos_text import Document, PaperReader
from posagent.doors.profiles import PLAIN, Profile, read_profile
from posagent.doors.receipt import Receipt, read_document
from posagent.errors import SettingsError
from posagent.loyalty.model import Sale, SaleRejected
from posagent.ports import ByteDoor, CapturedSale, Device, Heard, Moment, Options, ReadSale

_log = logging.getLogger(__name__)
FOLDERS = (Path("/etc/posagent/receipts"), Path(__file__).parent.parent / "config" / "receipts")
LONGEST_NUMBER = 40
REFUND_SEEN = "E601"
AMOUNT_WANTED = "E622"

_READING_TROUBLE = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError)
"""What a mistake in our reading of a receipt may raise: the POS's own printing must not suffer from it."""


class ReceiptTap:
    """Turns one printer's bytes into sales. One per connection of the door's thread; never raises."""

    def __init__(self, name: str, profile: Profile, tell: Callable[[Receipt], None]) -> None:
        self._name, self._profile, self._tell = name, profile, tell
        self._paper = PaperReader()
        self._cuts = False

    def take(self, raw: bytes, moment: Moment) -> Heard:
        """See `ByteDoor`."""
        try:
            sales = self._taken(raw, moment)
            return Heard(tuple(sales), moment == "closed" or not self._paper.open, self._paper.modes)
        except _READING_TROUBLE:
            _log.exception("%s: a receipt could not be read; printing goes on", self._name)
            self._paper = PaperReader()
            return Heard()

    def _taken(self, raw: bytes, moment: Moment) -> list[CapturedSale]:
        documents = self._paper.feed(raw)
        self._cuts = self._cuts or any(document.ended == "cut" for document in documents)
        if moment == "closed" or (moment == "silence" and not self._cuts):
            left = self._paper.end("end" if moment == "closed" else "silence")
            if left and self._cuts:
                _log.info("%s: a receipt broke off before its cut: not counted", self._name)
            else:
                documents += left
        return [sale for document in documents if (sale := self._sale(document))]

    def _sale(self, document: Document) -> CapturedSale | None:
        receipt = read_document(document, self._profile)
        _log.info("%s: %s %s no. %s (%s)", self._name, receipt.kind, receipt.total, receipt.receipt_no, receipt.why[0] if receipt.why else "")
        if receipt.kind == "unknown" and receipt.ask:
            self._tell(receipt)
        if receipt.kind not in {"sale", "refund"} or receipt.total is None:
            return None
        confidence: Literal["profile", "guess"] = "profile" if self._profile.name else "guess"
        text = "\n".join(" ".join(line.split()) for line in document.lines)
        kind: Literal["sale", "refund"] = "sale" if receipt.kind == "sale" else "refund"
        return ReadSale(
            receipt.total, kind, receipt.receipt_no, receipt.paid, receipt.tax_split, confidence, sha256(text.encode()).hexdigest()[:12]
        )


class DoorSales:
    """One sale door's way to the counter. ``post`` puts into the agent's inbox. Raises SettingsError when its profile is wrong."""

    def __init__(self, name: str, options: Options, post: Callable[[Ask | Say], None]) -> None:
        self._name, self._post = name, post
        self._profile = load_profile(options["profile"]) if options.get("profile") else PLAIN
        self._grants_without_number = options.get("without_number") == "grant"

    def prepare(self, device: Device) -> None:
        """A newly opened door: bytes need somebody who understands them."""
        if isinstance(device, ByteDoor):
            device.understand_with(ReceiptTap(self._name, self._profile, self._unclear).take)

    def take(self, sale: CapturedSale) -> None:
        """One captured sale or refund."""
        if sale.kind == "refund":
            seen = {"device": self._name, "why": "refund", "amount": abs(sale.total), "receipt_no": sale.receipt_no or ""}
            self._post(Say(REFUND_SEEN, seen))
            return
        basket = basket_of(sale, self._name, datetime.now().astimezone(), time.time_ns(), grants_without_number=self._grants_without_number)
        answer: Future[Reply] = Future()
        answer.add_done_callback(self._answered)
        self._post(Ask(lambda now, reply: SaleArrived(now, basket, reply), answer))

    def _answered(self, answer: Future[Reply]) -> None:
        if not answer.cancelled():
            reply = answer.result()
            _log.info("%s: sale %s %s", self._name, reply.fields.get("sale_id", ""), reply.status)

    def _unclear(self, receipt: Receipt) -> None:
        self._post(Say(AMOUNT_WANTED, {"device": self._name, "why": receipt.why[0]}))


def basket_of(sale: CapturedSale, door: str, at: datetime, now_ns: int, *, grants_without_number: bool) -> Basket:
    """The counter's sale. The key is the receipt number, as the API makes it; else the moment of the capture and the digest of the text."""
    number = sale.receipt_no if sale.receipt_no and len(sale.receipt_no) <= LONGEST_NUMBER else None
    digest = sale.digest if isinstance(sale, ReadSale) else sha256(repr(sale).encode()).hexdigest()[:12]
    key = f"n{number}" if number else f"c{now_ns // 1_000_000:x}{digest}"
    try:
        lines = Sale.of_total("", at, sale.total, tax_split=sale.tax_split).lines
    except SaleRejected:  # a rate that the rules do not know: the total counts all the same
        lines = Sale.of_total("", at, sale.total).lines
    return Basket(key, lines, at, sale.paid and (number is not None or grants_without_number), door, number)


def load_profile(name: str) -> Profile:
    """The profile, by its path or by its name in one of the folders. Raises SettingsError with every problem."""
    path = Path(name)
    if not name.endswith(".toml") and "/" not in name:
        path = next((folder / f"{name}.toml" for folder in FOLDERS if (folder / f"{name}.toml").is_file()), path)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as trouble:
        folders = " or ".join(map(str, FOLDERS))
        raise SettingsError(f"receipt profile '{name}': cannot be read; give a file, or the name of one in {folders}", code="E101") from trouble
    profile, problems = read_profile(text)
    if problems:
        raise SettingsError(f"{path}: {len(problems)} to mend:", [f"  {problem}" for problem in problems])
    return profile
