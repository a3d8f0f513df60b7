"""Owns the life of a coupon: its code on paper, its days, where it may be used, and which step may follow which. PURE."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from hashlib import sha256
from typing import Literal, assert_never

from posagent.loyalty.days import month_end
from posagent.loyalty.model import Coupon, CouponState, Reach, Register
from posagent.loyalty.numbers import OutOfRange
from posagent.loyalty.rules import Valid

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32 (crockford.com/base32.html): no I, L, O, U, which people misread."""
_DIGIT = {letter: value for value, letter in enumerate(ALPHABET)} | {"I": 1, "L": 1, "O": 0}
CODE_DIGITS = 16  # 15 random, 1 check
RANDOM_BYTES = 10  # 80 bits, of which the code carries 75


def code(random_bits: bytes) -> str:
    """``C`` and 16 base-32 characters: 75 random bits and a check character. The caller brings at least 10 random bytes; the code is never
    derived from the member's number or the sale."""
    if len(random_bits) < RANDOM_BYTES:
        raise OutOfRange("range", f"a coupon code needs {RANDOM_BYTES} random bytes, not {len(random_bits)}")
    bits = int.from_bytes(random_bits[:RANDOM_BYTES], "big")
    digits = [bits >> (5 * place) & 31 for place in range(CODE_DIGITS - 1)]
    return "C" + "".join(ALPHABET[digit] for digit in [*digits, _times_two(_sum(digits))])


def read_code(text: str) -> str | None:
    """The code in its one written form, or None when it is not a coupon code: lower case, blanks, hyphens and misread letters (O for 0, I
    and L for 1) are forgiven; one wrong character, or two swapped, are found by the check character."""
    letters = text.strip().upper().replace("-", "").replace(" ", "")
    if len(letters) != CODE_DIGITS + 1 or letters[0] != "C" or any(letter not in _DIGIT for letter in letters[1:]):
        return None
    digits = [_DIGIT[letter] for letter in letters[1:]]
    return "C" + "".join(ALPHABET[digit] for digit in digits) if _sum(digits) == 0 else None


def _times_two(value: int) -> int:
    """In the field of 32 elements, modulo x^5 + x^2 + 1."""
    doubled = value << 1
    return doubled ^ 0b100101 if doubled & 32 else doubled


def _sum(digits: list[int]) -> int:
    """The weighted sum of the digits in that field: the weights 2^n differ over all 16 places, so any single error and any swap shows."""
    total = 0
    for digit in digits:
        total = _times_two(total) ^ digit
    return total


def last_day(valid: Valid, issued: date) -> date | None:
    """The last business date of a coupon issued on a day; None: it does not end."""
    if valid.until is not None:
        return valid.until
    if valid.month_end:
        return month_end(issued)
    return valid.expire.last_day(issued) if valid.expire else None


def within_reach(coupon: Coupon, register: Register) -> bool:
    """Whether this register may honour it: the register that issued it, its store, or its brand."""
    same_brand = coupon.brand in ("", register.brand)  # empty: the program's own brand
    match coupon.reach:
        case "brand":
            return same_brand
        case "store":
            return same_brand and coupon.store == register.store
        case "register":
            return same_brand and coupon.store == register.store and coupon.register == register.register
        case _:
            assert_never(coupon.reach)


def sale_coupon_id(program: str, sale_id: str, coupon: str) -> str:
    """The id of the coupon that a sale earns: the same whenever the same sale is granted again."""
    return sha256("\n".join((program, sale_id, coupon)).encode()).hexdigest()[:32]


Step = Literal["print", "use", "unuse", "void", "expire"]
_NEXT: dict[tuple[CouponState, Step], CouponState] = {
    ("issued", "print"): "printed",
    ("printed", "print"): "printed",
    ("issued", "use"): "used",
    ("printed", "use"): "used",
    ("used", "unuse"): "printed",
    ("issued", "void"): "void",
    ("printed", "void"): "void",
    ("issued", "expire"): "expired",
    ("printed", "expire"): "expired",
}


def advance(coupon: Coupon, step: Step) -> Coupon | None:
    """The coupon after a step of its life (issued, printed any number of times, then used, void or expired; a voided sale makes a used one
    usable again); None where the step is not possible."""
    state = _NEXT.get((coupon.state, step))
    return None if state is None else replace(coupon, state=state)


def reach_is_wider(reach: Reach, than: Reach) -> bool:
    """Whether a reach goes beyond another."""
    order: tuple[Reach, ...] = ("register", "store", "brand")
    return order.index(reach) > order.index(than)
