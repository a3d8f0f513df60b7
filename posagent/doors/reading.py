"""Owns the way from bytes or a file to receipts: several documents, and what a whole file says. PURE."""

from __future__ import annotations

from collections.abc import Sequence

from posagent.doors.charset import decode_file
from posagent.doors.escpos_text import Document, PaperReader
from posagent.doors.profiles import PLAIN, Profile
from posagent.doors.receipt import LONGEST, Receipt, read_document

_CONTROLS = (b"\x1b", b"\x1d", b"\x1c", b"\x10\x04", b"\x10\x14")


def documents_of(raw: bytes) -> list[Document]:
    """The documents of a file: a captured byte stream where it holds commands, else text; form feeds divide text."""
    if any(control in raw for control in _CONTROLS) and not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        reader = PaperReader()
        return [*reader.feed(raw), *reader.end()]
    text, encoding = decode_file(raw[: 4 * LONGEST])
    parts = [part for part in text.split("\f") if part.strip()]
    return [Document(tuple(part.splitlines()), "end", encoding=encoding, too_long=len(part) > LONGEST) for part in parts]


def whole_file(documents: Sequence[Document], profile: Profile = PLAIN) -> tuple[Receipt, list[Receipt]]:
    """(what the file says, what each document says). Several sales in one file are told one by one and never added up."""
    receipts = [read_document(document, profile) for document in documents]
    if not receipts:
        return Receipt("unknown", why=("nothing is written in it",)), []
    if len(receipts) == 1:
        return receipts[0], receipts
    telling = [receipt for receipt in receipts if receipt.kind != "unknown" or receipt.total is not None]
    if len(telling) == 1:
        return telling[0], receipts
    return Receipt("unknown", why=(f"{len(receipts)} documents; each is told on its own",)), receipts
