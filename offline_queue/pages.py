"""Owns reading event rows straight from the pages of a damaged file, past SQLite: a broken header, tree or index hides no row.

Source of the layout: sqlite.org/fileformat2.html (sections 1.3 header, 1.5 b-tree pages, 2.1 record format, 4.1 WAL format)::

    leaf page   0d | 1st free 2 | cells 2 | content 2 | frag 1 | cell pointers 2 each …
    cell        payload length varint | rowid varint | payload (local part) | first overflow page 4
    record      header length varint | serial types varint each | values
    an ev row   types 0 (seq is the rowid), 13 + 2n (text), 12 + 2n (blob), 76 (blob of 32)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_HEADER: Final = b"SQLite format 3\x00"
_LINK_TYPE: Final = 12 + 2 * 32
_MAX_PAYLOAD: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Row:
    """An event row as it stands on a page; nothing about it is proven."""

    seq: int
    idem: str
    body: bytes = field(repr=False)
    chain: bytes = field(repr=False)


def scan(database: Path, wal: Path, page_size: int) -> Iterator[Row]:
    """Every row that can be read as one of `ev`: from the newest version of each page, then from older ones (file under WAL)."""
    if not database.exists():
        return
    with open(database, "rb") as source:
        first = source.read(100)
        if first.startswith(_HEADER):
            stated = int.from_bytes(first[16:18], "big")
            page_size = stated if stated in (512, 1024, 2048, 4096, 8192, 16384, 32768) else page_size
        frames = _frames(wal, page_size)
        pages = _Pages(source, frames, page_size)
        for number in range(1, database.stat().st_size // page_size + 1):
            if number in frames:
                yield from _rows(frames[number], pages)
            yield from _rows(pages.from_file(number), pages)
        last = database.stat().st_size // page_size
        for number, page in frames.items():
            if number > last:
                yield from _rows(page, pages)


class _Pages:
    def __init__(self, source: object, frames: dict[int, bytes], size: int) -> None:
        self._source = source
        self._frames = frames
        self.size = size

    def from_file(self, number: int) -> bytes:
        self._source.seek((number - 1) * self.size)  # type: ignore[attr-defined]
        page: bytes = self._source.read(self.size)  # type: ignore[attr-defined]
        return page

    def newest(self, number: int) -> bytes:
        return self._frames.get(number) or self.from_file(number)


def _frames(wal: Path, page_size: int) -> dict[int, bytes]:
    """The pages of the WAL's current generation (salts as in its header), the last version of each."""
    if not wal.exists():
        return {}
    content = wal.read_bytes()
    salts = content[16:24]
    found: dict[int, bytes] = {}
    step = 24 + page_size
    for at in range(32, len(content) - step + 1, step):
        if content[at + 8 : at + 16] == salts:
            found[int.from_bytes(content[at : at + 4], "big")] = content[at + 24 : at + step]
    return found


def _rows(page: bytes, pages: _Pages) -> Iterator[Row]:
    if len(page) < pages.size or page[0] in (0x02, 0x05, 0x0A):  # index and interior pages hold none of our rows
        return
    if not any(page[:8]):
        return
    count = min(int.from_bytes(page[3:5], "big"), pages.size // 8)
    for index in range(count):
        at = int.from_bytes(page[8 + 2 * index : 10 + 2 * index], "big")
        if 8 < at < pages.size:
            row = _row(page, at, pages)
            if row is not None:
                yield row


def _row(page: bytes, at: int, pages: _Pages) -> Row | None:
    try:
        length, at = _varint(page, at)
        seq, at = _varint(page, at)
        if not 0 < length <= _MAX_PAYLOAD or not 0 < seq < 1 << 62:
            return None
        payload = _payload(page, at, length, pages)
        header, here = _varint(payload, 0)
        types: list[int] = []
        while here < header and len(types) < 5:
            kind, here = _varint(payload, here)
            types.append(kind)
        if len(types) != 4 or types[0] != 0 or types[3] != _LINK_TYPE:
            return None
        if types[1] < 13 or types[1] % 2 == 0 or types[2] < 12 or types[2] % 2 == 1:
            return None
        key, body = (types[1] - 13) // 2, (types[2] - 12) // 2
        if header + key + body + 32 != length:
            return None
        middle = header + key
        return Row(seq, payload[header:middle].decode(), payload[middle : middle + body], payload[middle + body :])
    except (IndexError, UnicodeDecodeError):
        return None


def _payload(page: bytes, at: int, length: int, pages: _Pages) -> bytes:
    """The local part and its overflow pages (section 1.6: how much is local). Raises IndexError where the pages end too early."""
    usable = pages.size
    most, least = usable - 35, (usable - 12) * 32 // 255 - 23
    if length <= most:
        return page[at : at + length]
    local = least + (length - least) % (usable - 4)
    local = local if local <= most else least
    parts = [page[at : at + local]]
    following = int.from_bytes(page[at + local : at + local + 4], "big")
    missing = length - local
    while missing > 0:
        if following == 0:
            raise IndexError
        overflow = pages.newest(following)
        if len(overflow) < usable:
            raise IndexError
        parts.append(overflow[4 : 4 + min(missing, usable - 4)])
        missing -= usable - 4
        following = int.from_bytes(overflow[:4], "big")
    return b"".join(parts)


def _varint(source: bytes, at: int) -> tuple[int, int]:
    """Section 1.6: up to nine bytes, seven bits each, the ninth whole."""
    value = 0
    for step in range(9):
        byte = source[at + step]
        if step == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + step + 1
    raise IndexError
