"""Owns HID report descriptors: where in a report a bar code scanner puts its data. PURE.

Short items: one byte [tag 7..4][type 3..2][size code 1..0: 0, 1, 2, 4 bytes], then the value, little endian (HID 1.11, 6.2.2.2).
Usages of page 0x8C: HID Point of Sale Usage Tables 1.02, section 4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

_PAGE_POS = 0x8C
_PAGE_REM = 0xFF8C  # Honeywell's vendor page for remote management: the same scanners
_SCANNER = 0x8C0002
_BYTE_COUNT = 0x01003B
_SYMBOLOGY = (0x8C00FB, 0x8C00FC, 0x8C00FD)
_DATA = 0x8C00FE
_CONTINUED = 0x8C00FF
_MAX_DESCRIPTOR = 4096
_MAX_REPORT_BITS = 8 * 16384

_INPUT, _COLLECTION, _PAGE, _COUNT, _SIZE, _ID, _PUSH, _POP, _USAGE = 0x80, 0xA0, 0x04, 0x94, 0x74, 0x84, 0xA4, 0xB4, 0x08
_USAGE_MIN, _USAGE_MAX = 0x18, 0x28


@dataclass(frozen=True, slots=True)
class Layout:
    """Byte offsets in one report, its id (if any) at offset 0. ``size`` is the whole report's."""

    report_id: int | None
    size: int
    data: int
    data_size: int
    count: int | None = None
    symbology: tuple[int, ...] = ()
    continued: tuple[int, int] | None = None  # (byte, bit)


@dataclass(slots=True)
class _Globals:
    page: int = 0
    size: int = 0
    count: int = 0
    report_id: int | None = None


@dataclass(slots=True)
class _Fields:
    """What one report id's input items say, in bits."""

    bits: int
    at: dict[int, tuple[int, int]] = field(default_factory=dict)  # usage -> (bit offset, bits)


def is_scanner(descriptor: bytes) -> bool:
    """Whether this is a HID POS bar code scanner (or Honeywell's management interface of one)."""
    page = 0
    for tag, value, _ in _items(descriptor):
        if tag == _PAGE:
            page = value
        elif tag == _USAGE and page == _PAGE_POS and value == _SCANNER & 0xFFFF:
            return True
    return any(tag == _PAGE and value == _PAGE_REM for tag, value, _ in _items(descriptor))


def layouts(descriptor: bytes) -> list[Layout]:
    """Every input report that carries decoded data; empty when none does."""
    now = _Globals()
    stack: list[_Globals] = []
    usages: list[int] = []
    lowest: int | None = None
    reports: dict[int | None, _Fields] = {}
    for tag, value, size in _items(descriptor[:_MAX_DESCRIPTOR]):
        if tag == _PAGE:
            now.page = value
        elif tag == _SIZE:
            now.size = value
        elif tag == _COUNT:
            now.count = value
        elif tag == _ID:
            now.report_id = value & 0xFF
        elif tag == _PUSH:
            stack.append(_Globals(now.page, now.size, now.count, now.report_id))
        elif tag == _POP and stack:
            now = stack.pop()
        elif tag == _USAGE:
            usages.append(_full(value, size, now.page))
        elif tag == _USAGE_MIN:
            lowest = _full(value, size, now.page)
        elif tag == _USAGE_MAX and lowest is not None:
            usages += range(lowest, min(_full(value, size, now.page), lowest + 255) + 1)
            lowest = None
        elif tag == _INPUT:
            _input(reports, now, usages, constant=bool(value & 1))
        if tag in {_INPUT, _COLLECTION, 0x90, 0xB0}:  # main items end the local ones
            usages = []
    return [layout for report_id, fields in reports.items() if (layout := _layout(report_id, fields))]


def _items(descriptor: bytes) -> Iterator[tuple[int, int, int]]:
    """(tag and type, value, bytes of value); stops at a cut-off item."""
    at = 0
    while at < len(descriptor):
        head = descriptor[at]
        if head == 0xFE:  # long item: [FE][size][tag][data]
            at += 3 + (descriptor[at + 1] if at + 1 < len(descriptor) else 0)
            continue
        size = (0, 1, 2, 4)[head & 3]
        if at + 1 + size > len(descriptor):
            return
        yield head & 0xFC, int.from_bytes(descriptor[at + 1 : at + 1 + size], "little"), size
        at += 1 + size


def _full(value: int, size: int, page: int) -> int:
    return value if size == 4 else page << 16 | value


def _input(reports: dict[int | None, _Fields], now: _Globals, usages: list[int], *, constant: bool) -> None:
    fields = reports.setdefault(now.report_id, _Fields(8 if now.report_id is not None else 0))
    if now.size * now.count > _MAX_REPORT_BITS:  # nonsense, or an attack on our memory
        return
    if not constant and now.count:
        for place in range(now.count):
            # the last usage holds for all further fields; only the first field of each usage is of interest
            usage = usages[min(place, len(usages) - 1)] if usages else 0
            offset, bits = fields.at.get(usage, (fields.bits + place * now.size, 0))
            if offset + bits == fields.bits + place * now.size:
                fields.at[usage] = (offset, bits + now.size)
    fields.bits += now.size * now.count


def _layout(report_id: int | None, fields: _Fields) -> Layout | None:
    data = fields.at.get(_DATA)
    if data is None or data[0] % 8 or data[1] < 8:
        return None
    count = fields.at.get(_BYTE_COUNT)
    symbology = [fields.at[usage][0] // 8 for usage in _SYMBOLOGY if usage in fields.at]
    flag = fields.at.get(_CONTINUED)
    return Layout(
        report_id, (fields.bits + 7) // 8, data[0] // 8, data[1] // 8, count[0] // 8 if count else None,
        tuple(symbology) if len(symbology) == 3 else (), (flag[0] // 8, flag[0] % 8) if flag else None,
    )  # fmt: skip
