"""Owns what a slip is: its lines as values, how a further copy is marked, and their JSON form. PURE: what is printed, never how.

A slip is written once, stored as JSON with its print job, and laid out only when the printer (and with it the width) is known.
`posagent.slip_texts` composes slips; `drivers.escpos.layout` turns them into cells.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, cast, get_args

Align = Literal["left", "center", "right"]
Lang = Literal["ja", "en"]
Symbology = Literal["jan13", "jan8", "nw7", "code128"]
Part = Literal["header", "body", "code", "cut"]
"""What has been printed when a checkpoint comes back, in the order of the paper."""

MOST_LINES = 600
LONGEST_TEXT = 2000
MOST_STAMPS = 60


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph. ``wide`` and ``tall`` multiply the cell; it wraps at the paper's width, by the language's rules."""

    text: str
    align: Align = "left"
    bold: bool = False
    invert: bool = False  # white on black, over the whole width of the paper
    wide: Literal[1, 2, 3] = 1
    tall: Literal[1, 2, 3] = 1


@dataclass(frozen=True, slots=True)
class Columns:
    """A label and an amount. The right side never breaks; the left side wraps beside it."""

    left: str
    right: str
    bold: bool = False
    wide: Literal[1, 2] = 1
    tall: Literal[1, 2] = 1


@dataclass(frozen=True, slots=True)
class Rule:
    """A line across the paper."""

    style: Literal["thin", "thick", "dashed"] = "thin"


@dataclass(frozen=True, slots=True)
class Barcode:
    """A linear code. ``value`` is what a scanner shall read (JAN with its check digit; NW-7 with its start and stop letters)."""

    symbology: Symbology
    value: str
    text: bool = True  # the value in readable digits below


@dataclass(frozen=True, slots=True)
class QR:
    """A QR code, error correction M. ``caption`` is printed below it."""

    value: str
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """A black and white picture, one bit a dot, rows padded to whole bytes, most significant bit left, 1 is black; in hexadecimal."""

    width: int
    height: int
    rows: str
    align: Align = "center"


@dataclass(frozen=True, slots=True)
class Stamps:
    """A stamp card, drawn as boxes: ``filled`` of ``size``, of which the last ``new`` are of today."""

    filled: int
    size: int
    new: int = 0


@dataclass(frozen=True, slots=True)
class Feed:
    """Blank lines."""

    lines: int = 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """From here on the printer can say that everything above is on paper."""

    part: Part


@dataclass(frozen=True, slots=True)
class Cut:
    """Feeds to the cutter and cuts."""


Line = Text | Columns | Rule | Barcode | QR | Image | Stamps | Feed | Checkpoint | Cut


@dataclass(frozen=True, slots=True)
class Slip:
    """A slip from top to bottom, without its marks.

    ``serial`` names this piece of paper and is redeemed once, whatever the number of copies. ``lines`` hold the checkpoints in the order
    of `Part` and end with a cut; a redeemable code stands behind the checkpoint "body", so that a torn slip carries none.
    """

    serial: str
    copy: int = 1
    lines: tuple[Line, ...] = ()
    lang: Lang = "ja"
    title: str = ""  # "お買い物クーポン": for lists of jobs, not printed by itself
    sample: bool = False  # 見本: a test or a demonstration
    reason: str = ""  # why a further copy was printed


def marked(slip: Slip) -> tuple[Line, ...]:
    """The lines that go to paper: with 再発行 above and below from the second copy on, and 見本 on samples.

    The marks are derived here and nowhere stored, so that no copy can lack them. The lower mark stands before the code: the code is the
    last thing before the cut.
    """
    marks: list[Line] = []
    if slip.copy > 1:
        words = f"【再発行 {slip.copy}】 DUPLICATE" if slip.lang == "ja" else f"DUPLICATE No. {slip.copy} (再発行)"
        marks.append(Text(words, align="center", bold=True, invert=True))
    if slip.sample:
        marks.append(Text("見本 SAMPLE", align="center", bold=True, invert=True))
    if not marks:
        return slip.lines
    why: list[Line] = []
    if slip.copy > 1 and slip.reason:
        why.append(Text(f"理由: {slip.reason}" if slip.lang == "ja" else f"Reason: {slip.reason}"))
    below = next((n for n, line in enumerate(slip.lines) if line == Checkpoint("body")), None)
    if below is None:
        below = next((n for n, line in enumerate(slip.lines) if isinstance(line, (Cut, Barcode, QR, Checkpoint))), len(slip.lines))
    return (*marks, *why, *slip.lines[:below], *marks, *slip.lines[below:])


def reissued(slip: Slip, reason: str = "") -> Slip:
    """The next copy: same serial, marked as a further copy."""
    return replace(slip, copy=slip.copy + 1, reason=reason)


def first_copy(slip: Slip) -> Slip:
    """The slip as it was first meant."""
    return replace(slip, copy=1, reason="")


# ---------------------------------------------------------------- JSON

_KINDS: dict[str, type[Line]] = {
    "text": Text, "columns": Columns, "rule": Rule, "barcode": Barcode, "qr": QR, "image": Image, "stamps": Stamps, "feed": Feed,
    "checkpoint": Checkpoint, "cut": Cut,
}  # fmt: skip
_NAMES = {kind: name for name, kind in _KINDS.items()}
_CHOICES: dict[str, tuple[Any, ...]] = {
    "align": get_args(Align), "lang": get_args(Lang), "symbology": get_args(Symbology), "part": get_args(Part),
    "style": ("thin", "thick", "dashed"), "wide": (1, 2, 3), "tall": (1, 2, 3),
}  # fmt: skip
_LARGEST = {"lines": 40, "size": MOST_STAMPS, "filled": MOST_STAMPS, "new": MOST_STAMPS, "width": 1024, "height": 4096, "copy": 99}
_LONGEST = {"rows": 1024 * 4096 // 4, "serial": 80, "value": 400}
_REQUIRED = {Text: ("text",), Columns: ("left", "right"), Barcode: ("symbology", "value"), QR: ("value",), Image: ("width", "height", "rows"),
             Stamps: ("filled", "size"), Checkpoint: ("part",)}  # fmt: skip


def to_json(slip: Slip) -> bytes:
    """The slip as UTF-8 JSON, stable: the same slip gives the same bytes. Values that are their default are left out."""
    return json.dumps(_shape(slip), ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def from_json(body: bytes) -> Slip:
    """Reads what `to_json` wrote, or what somebody wrote by hand. Raises ValueError that says where and what; bounded in every size."""
    try:
        document = json.loads(body)
    except (UnicodeDecodeError, ValueError, RecursionError) as wrong:
        raise ValueError(f"the slip is not JSON: {wrong}") from None
    if not isinstance(document, dict):  # ValueError below: the caller catches one kind
        raise ValueError("the slip is not a JSON object with serial and lines")  # noqa: TRY004
    lines = document.pop("lines", [])
    if not isinstance(lines, list) or len(lines) > MOST_LINES:
        raise ValueError(f"slip: lines must be a list of at most {MOST_LINES} lines")
    if not document.get("serial"):
        raise ValueError("slip: serial is missing")
    slip = cast("Slip", _checked(Slip, document, "slip"))
    return replace(slip, lines=tuple(_line(line, f"lines[{number}]") for number, line in enumerate(lines, 1)))


def _shape(slip: Slip) -> dict[str, Any]:
    shape = {**_given(slip), "serial": slip.serial}
    shape["lines"] = [{"t": _NAMES[type(line)], **_given(line)} for line in slip.lines]
    return shape


def _given(value: Slip | Line) -> dict[str, Any]:
    names = [f.name for f in fields(value) if getattr(value, f.name) != f.default and not (isinstance(value, Slip) and f.name == "lines")]
    return {name: getattr(value, name) for name in names}


def _line(document: object, where: str) -> Line:
    if not isinstance(document, dict) or document.get("t") not in _KINDS:
        raise ValueError(f'{where}: must be an object whose "t" is one of {", ".join(_KINDS)}')
    kind = _KINDS[document["t"]]
    missing = [name for name in _REQUIRED.get(kind, ()) if name not in document]
    if missing:
        raise ValueError(f"{where}: {missing[0]} is missing")
    line = cast("Line", _checked(kind, {k: v for k, v in document.items() if k != "t"}, where))
    match line:
        case Stamps(filled, size, new) if not new <= filled <= size or size < 1:
            raise ValueError(f"{where}: of {size} stamps {filled} cannot be filled, {new} of them new")
        case Image(width, height, rows) if width < 1 or height < 1 or not _is_hex(rows, (width + 7) // 8 * height):
            raise ValueError(f"{where}: rows must be {(width + 7) // 8 * height} bytes in hexadecimal for {width} by {height} dots")
        case _:
            return line


def _is_hex(text: str, count: int) -> bool:
    return len(text) == 2 * count and all(c in "0123456789abcdefABCDEF" for c in text)


def _checked(kind: type[Slip | Line], document: dict[str, Any], where: str) -> Slip | Line:
    known = {f.name: f.type for f in fields(kind) if f.type != "tuple[Line, ...]"}
    for key, value in document.items():
        if key not in known:
            raise ValueError(f"{where}: {key!r} is not known here; known: {', '.join(known) or 'nothing'}")
        wanted: type[Any] = bool if known[key] == "bool" else int if known[key] == "int" or key in {"wide", "tall"} else str
        if type(value) is not wanted:
            raise ValueError(f"{where}: {key} must be {'true or false' if wanted is bool else 'a whole number' if wanted is int else 'a text'}")
        if key in _CHOICES and value not in _CHOICES[key]:
            raise ValueError(f"{where}: {key} must be one of {', '.join(map(str, _CHOICES[key]))}")
        if isinstance(value, int) and not (key == "copy") <= value <= _LARGEST.get(key, 3):
            raise ValueError(f"{where}: {key} must be from {int(key == 'copy')} to {_LARGEST.get(key, 3)}")
        if isinstance(value, str) and len(value) > _LONGEST.get(key, LONGEST_TEXT):
            raise ValueError(f"{where}: {key} is longer than {_LONGEST.get(key, LONGEST_TEXT)} characters")
    return kind(**document)
