"""Owns the arithmetic of check characters: fourteen methods, their options and their zero cases. PURE.

Every function takes the text without its check character and gives that character. Weights are counted from the right, as the symbology
standards do, so a code's length never changes which digit has which weight. Numbers are Python integers: nothing here has a longest input.

Sources: JIS X 0507 / ISO 15420 (mod10w3), ISO/IEC 7812-1 Annex B (luhn), ISO 16388 (mod43), ISO/IEC 15417 (mod103); for the others no
standard exists, and the methods are those in use on Japanese NW-7 cards: the printed examples of aimjal.co.jp, barcode-net.com, mimosa.gr.jp,
nanoappli.com and okusu.net, and the doctests of N. Masuda's bwipp-jp, all of which stand in tests/codes/test_check_digits.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Method = Literal[
    "none", "mod10w3", "luhn", "mod10w21", "7dr", "7dsr", "9dr", "9dsr", "mod11", "mod11_jp6", "wmod11", "mod16", "mod43", "mod103"
]
METHODS: tuple[Method, ...] = get_args(Method)

NW7_ALPHABET = "0123456789-$:/.+ABCD"
"""Values 0 to 19 of NW-7 characters; A to D start and stop a symbol and never are a check character."""

CODE39_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"

_WEIGHTED_11_FIRST = (6, 3, 5, 9, 10, 7, 8, 4, 5, 3, 6, 2)
_WEIGHTED_11_SECOND = (5, 8, 6, 2, 10, 4, 3, 7, 6, 8, 5, 9)
_CODE128_START_B = 104


class NotComputable(ValueError):
    """The text has no check character under this method: a foreign character, a wrong length, or a number that the issuer never gives out."""


@dataclass(frozen=True, slots=True)
class Check:
    """A method with the choices that its users disagree on.

    ``zero``        7dsr and 9dsr, remainder 0: "0" or the modulus itself ("7", "9"). There is no default: both are in use.
    ``remainders``  mod11: the characters for remainders 0, 1 and 10, "-" where such numbers are not issued. The others are 11 - r
                    (``complement``) or r. "0X1" is ISBN-10; JIS users write "001", "101"; without complement "110", "010", "111".
    ``weights``     mod11: from the right, repeated. (2, 3, 4, 5, 6, 7) is usual in Japan, 2 to 10 is ISBN-10.
    """

    method: Method = "none"
    zero: Literal["0", "7", "9"] | None = None
    remainders: str = "0-1"
    complement: bool = True
    weights: tuple[int, ...] = (2, 3, 4, 5, 6, 7)


def check_character(check: Check, body: str) -> str:
    """The character that belongs to ``body``; for mod16 ``body`` has its start and stop characters, for "none" the answer is "".

    Raises NotComputable.
    """
    return _COMPUTE[check.method](check, body)


def is_valid(check: Check, text: str) -> bool:
    """Whether ``text``, with its check character in its place (before the stop character for mod16, else last), agrees with the method."""
    if check.method == "none":
        return True
    body, character = split(check, text)
    if not body or not character:
        return False
    try:
        return check_character(check, body) == character
    except NotComputable:
        return False


def split(check: Check, text: str) -> tuple[str, str]:
    """(text without its check character, the check character)."""
    match check.method:
        case "none":
            return text, ""
        case "mod16":
            return text[:-2] + text[-1:], text[-2:-1]
        case _:
            return text[:-1], text[-1:]


def detects_every_single_error(check: Check) -> bool:
    """Whether any one wrong digit is always noticed. False for 7DR, 7DSR, 9DR, 9DSR (7 for 0, 9 for 0) and mod10w21 (5 for 0)."""
    match check.method:
        case "mod10w3" | "luhn" | "mod16" | "mod43" | "mod103":
            return True
        case "mod11":
            specials = check.remainders.replace("-", "")
            taken = "" if not specials else "".join(str(11 - r if check.complement else r) for r in range(2, 10))
            return len(set(specials)) == len(specials) and not set(specials) & set(taken)
        case _:
            return False


def mod103(values: Sequence[int]) -> int:
    """Code 128's symbol check over code values, the start character first: (start + sum of position * value) modulo 103."""
    return (values[0] + sum(position * value for position, value in enumerate(values[1:], 1))) % 103


def _digits(body: str) -> list[int]:
    if not (body.isascii() and body.isdigit()):
        raise NotComputable("digits only")
    return [int(character) for character in reversed(body)]


def _values(body: str, alphabet: str) -> list[int]:
    try:
        return [alphabet.index(character) for character in body]
    except ValueError:
        raise NotComputable("a character that this symbology does not have") from None


def _none(_check: Check, _body: str) -> str:
    return ""


def _mod10w3(_check: Check, body: str) -> str:
    return str(-sum(digit * (1 if at % 2 else 3) for at, digit in enumerate(_digits(body))) % 10)


def _luhn(_check: Check, body: str) -> str:
    return str(-sum(sum(divmod(digit * (1 if at % 2 else 2), 10)) for at, digit in enumerate(_digits(body))) % 10)


def _mod10w21(_check: Check, body: str) -> str:
    return str(-sum(digit * (1 if at % 2 else 2) for at, digit in enumerate(_digits(body))) % 10)


def _remainder(modulus: int) -> Callable[[Check, str], str]:
    def compute(_check: Check, body: str) -> str:
        _digits(body)
        return str(_of_number(body, modulus))

    return compute


def _complement(modulus: int) -> Callable[[Check, str], str]:
    def compute(check: Check, body: str) -> str:
        _digits(body)
        remainder = _of_number(body, modulus)
        if remainder:
            return str(modulus - remainder)
        if check.zero is None:
            raise NotComputable("remainder 0 needs the option zero")
        return check.zero

    return compute


def _of_number(body: str, modulus: int) -> int:
    # Digit by digit: int(body) refuses more than 4,300 digits.
    remainder = 0
    for character in body:
        remainder = (remainder * 10 + int(character)) % modulus
    return remainder


def _mod11(check: Check, body: str) -> str:
    remainder = sum(digit * check.weights[at % len(check.weights)] for at, digit in enumerate(_digits(body))) % 11
    if remainder in {0, 1, 10}:
        character = check.remainders[{0: 0, 1: 1, 10: 2}[remainder]]
        if character == "-":
            raise NotComputable("numbers with this remainder are not issued")
        return character
    return str(11 - remainder if check.complement else remainder)


def _mod11_jp6(_check: Check, body: str) -> str:
    if len(body) < 6:
        raise NotComputable("six digits are needed")
    remainder = sum(digit * weight for digit, weight in zip(_digits(body[:6]), range(2, 8), strict=True)) % 11
    complement = (11 - remainder) % 11
    if complement == 10:
        raise NotComputable("numbers with remainder 1 are not issued")
    return str(complement)


def _wmod11(_check: Check, body: str) -> str:
    digits = _digits(body)
    if len(digits) > len(_WEIGHTED_11_FIRST):
        raise NotComputable("at most twelve digits")
    for weights in (_WEIGHTED_11_FIRST, _WEIGHTED_11_SECOND):
        remainder = sum(digit * weight for digit, weight in zip(digits, reversed(weights), strict=False)) % 11
        if remainder != 1:
            return str((11 - remainder) % 11)
    raise NotComputable("both rows of weights leave remainder 1")


def _mod16(_check: Check, body: str) -> str:
    body = body.upper()
    if len(body) < 3 or body[0] not in "ABCD" or body[-1] not in "ABCD":
        raise NotComputable("start and stop characters are needed")
    # A sum that 16 divides gives "0": A, B, C and D (16 to 19) are never check characters. Widely copied code gives "A" here.
    return NW7_ALPHABET[-sum(_values(body, NW7_ALPHABET)) % 16]


def _mod43(_check: Check, body: str) -> str:
    return CODE39_ALPHABET[sum(_values(body, CODE39_ALPHABET)) % 43]


def _mod103(_check: Check, body: str) -> str:
    # For readers that send the symbol's own check character: the text as it stands in code set B.
    values = [ord(character) - 32 for character in body]
    if any(not 0 <= value <= 94 for value in values):
        raise NotComputable("code set B holds the printable ASCII characters")
    result = mod103([_CODE128_START_B, *values])
    if result > 94:
        raise NotComputable("this check value has no printable character")
    return chr(result + 32)


_COMPUTE: dict[Method, Callable[[Check, str], str]] = {
    "none": _none,
    "mod10w3": _mod10w3,
    "luhn": _luhn,
    "mod10w21": _mod10w21,
    "7dr": _remainder(7),
    "7dsr": _complement(7),
    "9dr": _remainder(9),
    "9dsr": _complement(9),
    "mod11": _mod11,
    "mod11_jp6": _mod11_jp6,
    "wmod11": _wmod11,
    "mod16": _mod16,
    "mod43": _mod43,
    "mod103": _mod103,
}
