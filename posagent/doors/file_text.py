"""Owns the division of a journal file into receipts, and of a table (CSV) into rows. PURE.

A text journal divides at form feeds, at the lines that the profile names (``ends``), at cuts where it holds a printer's commands, and, where it
says nothing of the kind, whenever it stops growing. Only whole lines count: a file is often read while it is being written.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass

from posagent.doors.charset import decode_file
from posagent.doors.escpos_text import Document
from posagent.doors.profiles import Profile, Table
from posagent.doors.reading import documents_of
from posagent.doors.receipt import LONGEST, Receipt, read_document


@dataclass(frozen=True, slots=True)
class Part:
    """One receipt of a file, or one row."""

    receipt: Receipt
    document: Document


class FileReader:
    """One file, from where it was read last. Never raises."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._raw = bytearray()
        self._ends = tuple(word.strip() for word in profile.ends)

    @property
    def unfinished(self) -> int:
        """Bytes at the end that belong to no whole receipt yet."""
        return len(self._raw)

    def feed(self, raw: bytes) -> list[Part]:
        """The receipts, or rows, that these bytes finish."""
        self._raw += raw
        if self._profile.table is not None:
            return self._rows(self._profile.table)
        found = []
        while (end := self._end()) is not None:
            found += self._read(bytes(self._raw[:end]))
            del self._raw[:end]
        if len(self._raw) > LONGEST:  # no receipt is so long: what divides this journal is not known
            del self._raw[: -LONGEST // 2]
        return found

    def end(self) -> list[Part]:
        """Nothing was added for a while, or the file is a receipt of its own."""
        if self._profile.table is not None or self._ends:
            return []
        raw = bytes(self._raw)
        self._raw.clear()
        return self._read(raw)

    def close(self) -> list[Part]:
        """Nothing will be added: the last receipt ends here, whatever the profile says."""
        if self._profile.table is not None:
            return self.feed(b"" if self._raw.endswith(b"\n") else b"\n")
        raw = bytes(self._raw)
        self._raw.clear()
        return self._read(raw)

    def _end(self) -> int | None:
        """Where the first whole receipt ends."""
        feed = self._raw.find(b"\x0c")
        if feed >= 0:
            return feed + 1
        if not self._ends:
            return None
        start = 0
        while (line_end := self._raw.find(b"\n", start)) >= 0:
            text, _ = decode_file(bytes(self._raw[start:line_end]))
            if any(text.strip().startswith(end) for end in self._ends):
                return line_end + 1
            start = line_end + 1
        return None

    def _read(self, raw: bytes) -> list[Part]:
        return [Part(read_document(document, self._profile), document) for document in documents_of(raw) if document.text.strip()]

    # ------------------------------------------------------------ tables

    def _rows(self, table: Table) -> list[Part]:
        whole = self._raw.rfind(b"\n") + 1
        raw = bytes(self._raw[:whole])
        del self._raw[:whole]
        if len(self._raw) > LONGEST:
            self._raw.clear()
        found = []
        for line in raw.splitlines(keepends=True):
            text, _ = decode_file(line)
            row = next(csv.reader([text], delimiter=table.delimiter), [])
            if (receipt := read_row(row, table)) is not None:
                found.append(Part(receipt, Document((text.strip(),), "end")))
        return found


def read_row(row: Sequence[str], table: Table) -> Receipt | None:
    """A row as a receipt; None for heads and rows of another kind."""
    cells = [cell.strip() for cell in row]
    if len(cells) < max(table.total, table.receipt_no, table.kind):
        return None
    amount = cells[table.total - 1].replace(",", "").replace("¥", "").replace("\\", "").replace("円", "").strip()
    sign = -1 if amount[:1] in {"-", "▲", "△"} else 1
    amount = amount.lstrip("-▲△")
    if not amount.isdecimal() or len(amount) > 8:
        return None
    number = cells[table.receipt_no - 1] if table.receipt_no else ""
    kind = cells[table.kind - 1] if table.kind else ""
    if kind in table.refunds or sign < 0:
        return Receipt("refund", -int(amount), number or None, paid=True, confidence="high", why=(f"column {table.total}",))
    if (table.sales and kind not in table.sales) or not int(amount):
        return None
    return Receipt("sale", int(amount), number or None, paid=True, confidence="high", why=(f"column {table.total}",))
