"""Owns what a door's bytes become: sales of a printer's paper, totals of a customer display, receipts of a journal file.

A tap keeps the reader of one device in memory, and of the text only what the reading needs. It never raises: the POS's own printing must not
suffer from a mistake in our reading.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal, assert_never

from posagent.doors.display_text import DisplayReader
from posagent.doors.escpos_text import Document, PaperReader
from posagent.doors.file_text import FileReader
from posagent.doors.profiles import Profile
from posagent.doors.receipt import Receipt, read_document, read_text
from posagent.doors.refund_of import original_no
from posagent.ports import Carries, Heard, Moment, ReadSale, Understand

_log = logging.getLogger(__name__)
_READING_TROUBLE = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError)
"""What a mistake in our reading of a receipt may raise: the POS's own printing must not suffer from it."""


@dataclass(frozen=True, slots=True)
class Ears:
    """What a tap needs of the agent."""

    profile: Callable[[], Profile]  # teaching may change it
    unclear: Callable[[Receipt], None]  # may well be a sale, but a person must say the amount
    seen: Callable[[Document], None] = lambda document: None  # teach mode


def tap_of(carries: Carries, name: str, ears: Ears) -> Understand:
    """Who understands a device's bytes."""
    match carries:
        case "printer":
            return ReceiptTap(name, ears).take
        case "display":
            return DisplayTap(name, ears).take
        case "file":
            return FileTap(name, ears).take
        case _:
            assert_never(carries)


def _sale(name: str, receipt: Receipt, ears: Ears, text: bytes, *, standing: bool = False) -> ReadSale | None:
    _log.info("%s: %s %s no. %s (%s)", name, receipt.kind, receipt.total, receipt.receipt_no, receipt.why[0] if receipt.why else "")
    if receipt.kind == "unknown" and receipt.ask:
        ears.unclear(receipt)
    if receipt.kind not in {"sale", "refund"} or receipt.total is None:
        return None
    confidence: Literal["profile", "guess"] = "profile" if ears.profile().name else "guess"
    kind: Literal["sale", "refund"] = "sale" if receipt.kind == "sale" else "refund"
    digest = sha256(text).hexdigest()[:16 if standing else 12]
    of = original_no(text.decode()) if kind == "refund" else None
    return ReadSale(receipt.total, kind, receipt.receipt_no, receipt.paid, receipt.tax_split, confidence, digest, standing, of or "")


class ReceiptTap:
    """One printer's paper."""

    def __init__(self, name: str, ears: Ears) -> None:
        self._name, self._ears = name, ears
        self._paper = PaperReader()
        self._cuts = False

    def take(self, raw: bytes, moment: Moment) -> Heard:
        """See `posagent.ports.Understand`."""
        try:
            sales = self._taken(raw, moment)
            return Heard(tuple(sales), moment == "closed" or not self._paper.open, self._paper.modes)
        except _READING_TROUBLE:
            _log.exception("%s: a receipt could not be read; printing goes on", self._name)
            self._paper = PaperReader()
            return Heard()

    def _taken(self, raw: bytes, moment: Moment) -> list[ReadSale]:
        documents = self._paper.feed(raw)
        self._cuts = self._cuts or any(document.ended == "cut" for document in documents)
        if moment == "closed" or (moment == "silence" and not self._cuts):
            left = self._paper.end("end" if moment == "closed" else "silence")
            if left and self._cuts:
                _log.info("%s: a receipt broke off before its cut: not counted", self._name)
            else:
                documents += left
        sales = []
        for document in documents:
            self._ears.seen(document)
            text = "\n".join(" ".join(line.split()) for line in document.lines).encode()
            sales.append(_sale(self._name, read_document(document, self._ears.profile()), self._ears, text))
        return [sale for sale in sales if sale]


class DisplayTap:
    """One customer display. Its total comes before the payment: it only ever pre-fills."""

    def __init__(self, name: str, ears: Ears) -> None:
        self._name, self._ears = name, ears
        self._shown = DisplayReader()
        self._told: int | None = None

    def take(self, raw: bytes, moment: Moment) -> Heard:
        """See `posagent.ports.Understand`. Silence: what stands there now is what the customer reads."""
        try:
            self._shown.feed(raw)
            if moment != "silence":
                return Heard()
            lines = self._shown.lines
            receipt = read_text("\n".join(lines), self._ears.profile())
        except _READING_TROUBLE:
            _log.exception("%s: the display could not be read", self._name)
            self._shown = DisplayReader()
            return Heard()
        self._ears.seen(Document(lines, "silence"))
        if receipt.kind != "sale" or not receipt.total:
            if any(mark.isdecimal() for line in lines for mark in line):  # an item or the change: the sale before is over. A greeting is not
                self._told = None
            return Heard()
        if receipt.total == self._told:
            return Heard()
        self._told = receipt.total
        _log.info("%s: shows %s", self._name, receipt.total)
        digest = sha256("\n".join(lines).encode()).hexdigest()[:12]
        confidence: Literal["profile", "guess"] = "profile" if self._ears.profile().name else "guess"
        return Heard((ReadSale(receipt.total, paid=False, confidence=confidence, digest=digest),))


class FileTap:
    """The files of one folder."""

    def __init__(self, name: str, ears: Ears) -> None:
        self._name, self._ears = name, ears
        self._file = FileReader(ears.profile())

    def take(self, raw: bytes, moment: Moment) -> Heard:
        """See `posagent.ports.Understand`. Silence: the journal has stopped growing, or another is read. Closed: the file is one receipt."""
        try:
            parts = self._file.feed(raw)
            if moment == "closed":
                parts += self._file.close()
            elif moment == "silence":
                parts += self._file.end()
        except _READING_TROUBLE:
            _log.exception("%s: a file could not be read", self._name)
            self._file = FileReader(self._ears.profile())
            return Heard()
        unfinished = self._file.unfinished
        if moment != "bytes":
            self._file = FileReader(self._ears.profile())
        for part in parts:
            self._ears.seen(part.document)
        sales = [_sale(self._name, part.receipt, self._ears, part.document.text.encode(), standing=True) for part in parts]
        return Heard(tuple(sale for sale in sales if sale), unfinished=unfinished)
