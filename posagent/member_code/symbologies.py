"""Owns the names of bar code symbologies, their AIM identifiers, and what their text means as a number (GTIN). PURE.

Sources: ISO/IEC 15424 (symbology identifiers), GS1 General Specifications sections 5.2 (EAN/UPC), 7.9 (check digits) and 3.3 (AI 01).
Makers differ in the modifiers of Codabar and Code 39, so only the letter decides there.
"""

from __future__ import annotations

from typing import Literal, get_args

from posagent.check_digits import Check, check_character, is_valid

Symbology = Literal[
    "ean13", "ean8", "code128", "gs1-128", "nw7", "code39", "code93", "itf", "qr", "datamatrix", "pdf417", "aztec", "databar", "other"
]
"""UPC-A and UPC-E are "ean13": they are GTIN-13 with leading zeros, and readers deliver them in all three lengths."""
SYMBOLOGIES: tuple[Symbology, ...] = get_args(Symbology)

_MOD10 = Check("mod10w3")

_BY_LETTER: dict[str, Symbology] = {
    "A": "code39", "C": "code128", "E": "ean13", "F": "nw7", "G": "code93", "I": "itf", "L": "pdf417", "Q": "qr", "d": "datamatrix",
    "e": "databar", "z": "aztec",
}  # fmt: skip

# What people and libraries call them -> an AIM identifier. Compared without case, blanks, "-" and "_".
_AIM_OF_NAME = {
    "ean13": "E0", "jan": "E0", "jan13": "E0", "upca": "E0", "upce": "E0", "ean8": "E4", "jan8": "E4", "code128": "C0", "gs1128": "C1",
    "ean128": "C1", "codabar": "F0", "nw7": "F0", "code39": "A0", "code93": "G0", "itf": "I0", "interleaved2of5": "I0", "qr": "Q1",
    "qrcode": "Q1", "microqr": "Q1", "microqrcode": "Q1", "datamatrix": "d1", "pdf417": "L2", "aztec": "z0", "databar": "e0",
    "gs1databar": "e0", "other": "X0",
}  # fmt: skip


def aim_of(name: str) -> str | None:
    """An AIM identifier without "]" from an identifier ("]E0", "E0") or a usual name ("JAN", "Code 128", "NW-7"); None: unknown."""
    plain = name.strip().removeprefix("]")
    known = _AIM_OF_NAME.get(plain.lower().translate(str.maketrans("", "", " -_")))
    if known:
        return known
    return plain if len(plain) == 2 and plain.isascii() and plain[0].isalpha() and plain[1].isalnum() else None


def symbology_of(aim: str | None) -> Symbology | None:
    """The symbology of an AIM identifier; None when the reader did not say."""
    match aim and aim.removeprefix("]"):
        case None | "":
            return None
        case "E4":
            return "ean8"
        case "C1":
            return "gs1-128"
        case str(known):
            return _BY_LETTER.get(known[0], "other")


def normalise(text: str, aim: str | None) -> tuple[str, str]:
    """(the text as rules see it, what was done to it or "").

    EAN/UPC become 13 digits (8 for EAN-8), add-ons of two or five digits go; a GS1 element string that begins with AI 01 gives its GTIN.
    Everything else stays as it is. Without an identifier nothing is assumed.
    """
    symbology = symbology_of(aim)
    modifier = aim.removeprefix("]")[1:2] if aim else ""
    digits = text.isascii() and text.isdigit()
    if symbology == "ean13" and digits:
        if modifier == "3" and len(text) in {15, 18}:
            return text[:13], "add-on dropped"
        if len(text) == 12 and is_valid(_MOD10, text):
            return "0" + text, "UPC-A written as 13 digits"
        if len(text) in {6, 7, 8} and (whole := expand_upc_e(text)):
            return whole, "UPC-E expanded to 13 digits"
    if symbology in {"gs1-128", "databar", "datamatrix", "qr"} and _is_gs1(aim) and text[:2] == "01":
        gtin = text[2:16]
        if len(gtin) == 14 and gtin.isascii() and gtin.isdigit() and is_valid(_MOD10, gtin):
            return gtin.removeprefix("0"), "GTIN taken from AI 01"
    return text, ""


def expand_upc_e(text: str) -> str | None:
    """A UPC-E number of 6, 7 or 8 digits (without or with number system and check digit) as GTIN-13; None when it is none.

    GS1 General Specifications 5.2.2.4: the last digit of the six tells where the zeros were left out.
    """
    if not (text.isascii() and text.isdigit()) or len(text) not in {6, 7, 8}:
        return None
    system = "0" if len(text) == 6 else text[0]
    six = text if len(text) == 6 else text[1:7]
    if system not in "01":
        return None
    match six[5]:
        case "0" | "1" | "2":
            body = system + six[:2] + six[5] + "0000" + six[2:5]
        case "3":
            body = system + six[:3] + "00000" + six[3:5]
        case "4":
            body = system + six[:4] + "00000" + six[4]
        case _:
            body = system + six[:5] + "0000" + six[5]
    whole = "0" + body + check_character(_MOD10, body)
    return whole if len(text) < 8 or whole[-1] == text[-1] else None


def _is_gs1(aim: str | None) -> bool:
    return aim is not None and aim.removeprefix("]") in {"C1", "d2", "Q3", "Q4", "e0"}
