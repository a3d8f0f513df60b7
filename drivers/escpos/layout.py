"""Owns how a slip becomes lines on a paper of a certain width: wrapping, columns, enlarged lines, stamp cards, codes that fit.

The result is the same whether it is then encoded for a printer or drawn as a picture. No emitted line is wider than the paper.
Records are named tuples, not dataclasses: one is made for every line, and a till that starts builds the classes each time.
"""

from __future__ import annotations

from typing import NamedTuple, assert_never

from drivers.escpos.barcodes import Fitted, checked, fit
from drivers.escpos.charset import clean, width
from drivers.escpos.line_break import wrap
from drivers.escpos.paper import Paper, Unprintable
from posagent.slips import QR, Align, Barcode, Checkpoint, Columns, Cut, Feed, Image, Line, Rule, Slip, Stamps, Text, marked

_WIDOW = 4
"""Cells: a last line as short as this is filled up from the line above it."""
QR_QUIET = 4  # modules on each side, ISO/IEC 18004
QR_MODULES = (6, 5, 4)
"""Dots a module, best first; 4 dots are half a millimetre at 203 dpi."""


class Row(NamedTuple):
    """One printed line. ``indent`` in cells of single width; ``joined``: without a gap below, for drawn boxes."""

    text: str
    indent: int = 0
    bold: bool = False
    invert: bool = False
    wide: int = 1
    tall: int = 1
    joined: bool = False


class QRCode(NamedTuple):
    """A QR code that fits, ``module`` dots a module, centred."""

    value: str
    module: int
    side: int  # modules, without the quiet zone


class Blank(NamedTuple):
    """Empty lines."""

    lines: int


Item = Row | Fitted | QRCode | Image | Blank | Checkpoint | Cut


class Laid(NamedTuple):
    """A slip laid out. ``warnings``: what had to be done otherwise than the slip asked."""

    items: tuple[Item, ...]
    warnings: tuple[str, ...]


def lay_out(slip: Slip, paper: Paper) -> Laid:
    """The slip with its marks on this paper. Raises Unprintable."""
    items: list[Item] = []
    warnings: list[str] = []
    for line in marked(slip):
        _add(line, paper, items, warnings)
    return Laid(tuple(items), tuple(warnings))


def _add(line: Line, paper: Paper, items: list[Item], warnings: list[str]) -> None:
    match line:
        case Text():
            items.extend(_text(line, paper.columns))
        case Columns():
            items.extend(_columns(line, paper.columns))
        case Rule(style):
            items.append(_rule(style, paper.columns))
        case Stamps():
            items.extend(_stamps(line, paper.columns))
        case Barcode(text=with_text):
            fitted = fit(line, paper)
            value = checked(line)
            if fitted is None:
                warnings.append(f"{line.symbology} {value} is too wide for the paper; printed as a QR code")
                items.append(_qr(value, paper))
            else:
                items.append(fitted)
            if with_text:
                items.extend(_text(Text(value, align="center"), paper.columns))
        case QR(value, caption):
            items.append(_qr(value, paper))
            if clean(caption):
                items.extend(_text(Text(caption, align="center"), paper.columns))
        case Image(width=dots):
            if dots > paper.width_dots:
                raise Unprintable(f"a picture of {dots} dots does not fit on {paper.width_dots}")
            items.append(line)
        case Feed(lines):
            items.append(Blank(lines))
        case Checkpoint() | Cut():
            items.append(line)
        case _:
            assert_never(line)


def _qr(value: str, paper: Paper) -> QRCode:
    if not value or not value.isprintable():
        raise Unprintable("a QR code needs a text without control characters")
    from drivers.escpos.qr_matrix import modules_of

    side = modules_of(value)
    for module in QR_MODULES:
        if (side + 2 * QR_QUIET) * module <= paper.width_dots:
            return QRCode(value, module, side)
    raise Unprintable(f"the QR code for {value[:40]!r} is {side} modules wide and does not fit on {paper.width_dots} dots")


def _text(line: Text, columns: int) -> list[Row]:
    room = max(columns // line.wide, 2)
    style = Row("", bold=line.bold, invert=line.invert, wide=line.wide, tall=line.tall)
    return [_aligned(part, line.align, columns, style) for part in _paragraph(clean(line.text), line.align, room)]


def _paragraph(text: str, align: Align, room: int) -> list[str]:
    """Wrapped, with what makes it look set by hand: points hang, centred lines are of even length, no last line of a single word ending."""
    if "\n" in text or width(text) <= room:
        return wrap(text, room)
    mark = next((mark for mark in ("・", "- ", "※") if text.startswith(mark)), "")
    if mark and align == "left":
        first, *rest = _paragraph(text[len(mark) :], align, room - width(mark))
        return [mark + first, *(" " * width(mark) + part for part in rest)]
    lines = wrap(text, room)
    if text.isascii() and " " not in text:  # an address
        return lines
    narrowest = room // 2 if align == "center" else room - _WIDOW
    for narrower in range(room - 1, narrowest, -1):
        if align != "center" and width(lines[-1]) > _WIDOW:
            break
        tried = wrap(text, narrower)
        if len(tried) > len(lines):
            break
        lines = tried
    return lines


def _aligned(text: str, align: Align, columns: int, style: Row) -> Row:
    spare = columns - width(text) * style.wide
    indent = max({"left": 0, "center": spare // 2, "right": spare}[align], 0)
    if not style.invert:
        return Row(text, indent, style.bold, style.invert, style.wide, style.tall)
    room = columns // style.wide  # a bar over the whole width
    left = indent // style.wide
    return style._replace(text=" " * left + text + " " * (room - left - width(text)))


def _columns(line: Columns, columns: int) -> list[Row]:
    room = columns // line.wide
    style = Row("", bold=line.bold, wide=line.wide, tall=line.tall)
    left, right = clean(line.left).replace("\n", " "), clean(line.right).replace("\n", " ")
    beside = room - width(right) - 1
    if width(left) <= beside:
        return [Row(left + " " * (beside + 1 - width(left)) + right, 0, line.bold, False, line.wide, line.tall)]
    if beside < min(12, room // 3):  # no room beside it: the amount gets a line of its own
        return [*(style._replace(text=part) for part in wrap(left, room)),
                *(_aligned(part, "right", columns, style) for part in wrap(right, room))]  # fmt: skip
    indent = " " * (len(left) - len(left.lstrip(" ")) + 2)
    first, *rest = wrap(left, beside)
    more = wrap(" ".join(rest) if left.isascii() else "".join(rest), beside - len(indent)) if rest else []
    parts = [first, *(indent + part for part in more)]
    last = parts.pop()
    return [*(style._replace(text=part) for part in parts), style._replace(text=last + " " * (room - width(last) - width(right)) + right)]


def _rule(style: str, columns: int) -> Row:
    match style:
        case "thin":
            return Row("─" * (columns // 2), indent=columns % 2)
        case "thick":
            return Row("━" * (columns // 2), indent=columns % 2)
        case _:
            return Row("- " * (columns // 2))


def _stamps(card: Stamps, columns: int) -> list[Row]:
    """Boxes of 6 by 3 cells: the number above, the stamp below; ★ is of today, ● of earlier, the goal is named."""
    across = 5 if columns >= 32 else 4
    indent = (columns - (6 * across + 2)) // 2
    rows = [range(n, min(n + across, card.size)) for n in range(0, card.size, across)]
    lines = []
    for n, boxes in enumerate(rows):
        lines.append(_border(len(rows[n - 1]) if n else 0, len(boxes)))
        lines.append("│" + "│".join(f"{box + 1:^4}" for box in boxes) + "│")
        lines.append("│" + "│".join(f" {_stamp(card, box)} " for box in boxes) + "│")
    lines.append(_border(len(rows[-1]), 0))
    return [Row(line, indent=indent, joined=n < len(lines) - 1) for n, line in enumerate(lines)]


def _stamp(card: Stamps, box: int) -> str:
    if box >= card.filled:
        return "◎" if box == card.size - 1 else "・"
    return "★" if box >= card.filled - card.new else "●"


def _border(above: int, below: int) -> str:
    """The line between a row of so many boxes and the next; 0 is outside the card."""
    joints = []
    most = max(above, below)
    for n in range(most + 1):
        up, down = bool(above) and n <= above, bool(below) and n <= below
        left, right = n > 0, n < most
        joints.append({(1, 1, 1, 1): "┼", (1, 1, 1, 0): "┤", (1, 1, 0, 1): "├", (0, 1, 1, 1): "┬", (1, 0, 1, 1): "┴", (0, 1, 0, 1): "┌",
                       (0, 1, 1, 0): "┐", (1, 0, 0, 1): "└", (1, 0, 1, 0): "┘"}[up, down, left, right])  # fmt: skip
    return "──".join(joints)


