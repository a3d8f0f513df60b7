"""The fourteen check-digit methods against printed vectors, their zero cases, and what they promise to notice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posagent.check_digits import (
    CODE39_ALPHABET,
    METHODS,
    Check,
    Method,
    NotComputable,
    check_character,
    detects_every_single_error,
    is_valid,
    mod103,
    split,
)

JIS_DR = Check("mod11", remainders="110", complement=False)

# (method, text without check character, check character, source)
VECTORS: list[tuple[Check, str, str, str]] = [
    (Check("mod10w3"), "490123456789", "4", "Masuda doctest"),
    (Check("mod10w3"), "4912345", "6", "Masuda doctest"),
    (Check("mod10w3"), "12345678", "4", "Masuda doctest"),
    (Check("mod10w3"), "400763000011", "6", "activebarcode.com"),
    (Check("mod10w3"), "12345", "7", "activebarcode.com"),
    (Check("mod10w3"), "03600029145", "2", "UPC-A of the GS1 examples"),
    (Check("mod10w3"), "1234567890123", "1", "ITF-14"),
    (Check("mod10w3"), "981376503001", "1", "GS1 Greece, coupon"),
    (Check("mod10w3"), "982850801010", "6", "GS1 Greece, coupon"),
    (Check("luhn"), "12345678", "2", "aimjal.co.jp"),
    (Check("luhn"), "938745343", "5", "Masuda doctest (runes)"),
    (Check("luhn"), "7992739871", "3", "the usual Luhn example"),
    (Check("luhn"), "4992739871", "6", "the usual Luhn example"),
    (Check("mod10w21"), "12345678", "4", "aimjal.co.jp, sum 56"),
    (Check("mod10w21"), "938745343", "7", "Masuda doctest"),
    (Check("mod10w21"), "123456", "7", "by hand"),
    (Check("7dr"), "12345678901", "3", "nanoappli"),
    (Check("7dr"), "123456", "4", "mimosa.gr.jp"),
    (Check("7dr"), "99991234567", "0", "okusu.net, longer than nine digits"),
    (Check("7dr"), "8745343", "5", "Masuda doctest"),
    (Check("7dsr", zero="7"), "123456", "3", "from 7dr"),
    (Check("7dsr", zero="7"), "12345678901", "4", "from 7dr"),
    (Check("7dsr", zero="7"), "8745343", "2", "from 7dr"),
    (Check("7dsr", zero="7"), "1234567890123", "6", "from 7dr"),
    (Check("9dr"), "123456", "3", "by hand"),
    (Check("9dr"), "12345678901", "1", "by hand"),
    (Check("9dr"), "8745343", "7", "by hand"),
    (Check("9dsr", zero="0"), "123456", "6", "by hand"),
    (Check("9dsr", zero="0"), "12345678901", "8", "by hand"),
    (Check("9dsr", zero="0"), "8745343", "2", "by hand"),
    (Check("mod11"), "123456", "0", "by hand, sum 77"),
    (Check("mod11"), "12345678", "5", "by hand"),
    (Check("mod11"), "12345678901", "8", "by hand"),
    (Check("mod11", remainders="0X1", weights=tuple(range(2, 11))), "488380478", "X", "wdic, ISBN-10"),
    (Check("mod11_jp6"), "243124", "6", "Masuda doctest"),
    (Check("mod11_jp6"), "2431245", "6", "Masuda doctest: only six digits count"),
    (Check("wmod11"), "5012924346", "4", "Masuda doctest"),
    (Check("wmod11"), "0200290068", "1", "Masuda doctest, second weights"),
    (Check("mod16"), "A37859B", "+", "barcode-net.com"),
    (Check("mod16"), "A19+1243B", ":", "Masuda doctest"),
    (Check("mod16"), "A12345678A", ":", "by hand"),
    (Check("mod16"), "C40156B", "/", "by hand"),
    (Check("mod43"), "ABCD1234+", "B", "Masuda doctest"),
    (Check("mod43"), "12345ABCDE/", "T", "by hand"),
    (Check("mod43"), "CODE39", "W", "by hand"),
]

# Remainder 0, where implementations differ.
ZERO_CASES: list[tuple[Check, str, str]] = [
    (Check("mod10w3"), "0000000", "0"),
    (Check("luhn"), "00", "0"),
    (Check("mod10w21"), "55", "5"),
    (Check("7dr"), "77", "0"),
    (Check("7dsr", zero="7"), "77", "7"),
    (Check("7dsr", zero="0"), "77", "0"),
    (Check("9dr"), "18", "0"),
    (Check("9dsr", zero="0"), "18", "0"),
    (Check("9dsr", zero="9"), "18", "9"),
    (Check("mod11"), "00", "0"),
    (Check("mod11", remainders="1-0"), "00", "1"),
    (JIS_DR, "00", "1"),
    (Check("mod11_jp6"), "000000", "0"),
    (Check("wmod11"), "0", "0"),
    (Check("mod16"), "B546745735B", "0"),  # not "A": a start character is never a check character
    (Check("mod43"), "0", "0"),
]


@pytest.mark.parametrize(("check", "body", "character", "source"), VECTORS, ids=lambda value: value if isinstance(value, str) else "")
def test_each_method_gives_the_published_character(check: Check, body: str, character: str, source: str) -> None:
    assert check_character(check, body) == character, source


@pytest.mark.parametrize(("check", "body", "character"), ZERO_CASES, ids=lambda value: value if isinstance(value, str) else "")
def test_remainder_zero_gives_the_configured_character(check: Check, body: str, character: str) -> None:
    assert check_character(check, body) == character


def test_every_method_has_at_least_three_vectors_of_its_own() -> None:
    counts: dict[Method, int] = dict.fromkeys(METHODS, 0)
    for check, *_ in [*VECTORS, *ZERO_CASES]:
        counts[check.method] += 1
    del counts["none"], counts["mod103"]  # nothing to compute; tested on code values below
    assert len(METHODS) == 14
    assert min(counts.values()) >= 3, counts


def test_a_7dsr_number_without_a_decision_on_zero_is_not_guessed() -> None:
    with pytest.raises(NotComputable, match="zero"):
        check_character(Check("7dsr"), "77")
    assert not is_valid(Check("7dsr"), "770")
    assert not is_valid(Check("7dsr"), "777")


@pytest.mark.parametrize(("complement", "remainders"), [(False, "110"), (False, "010"), (False, "111"), (True, "101"), (True, "001")])
def test_the_variants_of_modulus_11_differ_only_in_the_remainders_0_1_and_10(complement: bool, remainders: str) -> None:
    check = Check("mod11", remainders=remainders, complement=complement)
    for number in range(2000):
        body = f"{number:06d}"
        remainder = sum(int(digit) * weight for digit, weight in zip(reversed(body), (2, 3, 4, 5, 6, 7), strict=True)) % 11
        expected = {0: remainders[0], 1: remainders[1], 10: remainders[2]}.get(remainder, str(11 - remainder if complement else remainder))
        assert check_character(check, body) == expected


def test_modulus_11_numbers_that_are_not_issued_are_never_valid() -> None:
    body = next(f"{number:05d}" for number in range(99999) if _remainder_11(f"{number:05d}") == 1)
    with pytest.raises(NotComputable, match="not issued"):
        check_character(Check("mod11"), body)
    assert not any(is_valid(Check("mod11"), body + character) for character in "0123456789X-")


def _remainder_11(body: str) -> int:
    return sum(int(digit) * weight for digit, weight in zip(reversed(body), (2, 3, 4, 5, 6, 7), strict=False)) % 11


def test_mod103_sums_code_values_with_the_start_character() -> None:
    assert mod103([103, 48, 42, 42, 17, 18, 19, 35]) == 54  # PJJ123C in code set A
    assert chr(mod103([105, 102, 12, 34, 56, 100, 33, 17]) + 32) == "C"  # Masuda: start C, FNC1, 123456, code B, A1
    assert mod103([104, 0]) == 1


def test_mod103_on_text_is_code_set_b() -> None:
    assert check_character(Check("mod103"), "A") == chr(mod103([104, 33]) + 32)
    assert is_valid(Check("mod103"), "A" + chr(mod103([104, 33]) + 32))


@pytest.mark.parametrize("method", [method for method in METHODS if method not in {"none", "mod43", "mod103", "mod16"}])
@pytest.mark.parametrize("text", ["12A4", "", "１２３４", "²", "1 2", "١٢٣٤٥٦"])
def test_numeric_methods_take_ascii_digits_only(method: Method, text: str) -> None:
    with pytest.raises(NotComputable):
        check_character(Check(method, zero="0"), text)
    assert not is_valid(Check(method, zero="0"), text + "0")


def test_mod16_needs_start_and_stop_characters() -> None:
    with pytest.raises(NotComputable, match="start and stop"):
        check_character(Check("mod16"), "37859")


def test_weighted_modulus_11_refuses_more_than_twelve_digits() -> None:
    with pytest.raises(NotComputable, match="twelve"):
        check_character(Check("wmod11"), "1234567890123")


def test_numbers_longer_than_any_machine_word_are_computed() -> None:
    assert check_character(Check("7dr"), "9" * 5000) == str((10**5000 - 1) % 7)


@pytest.mark.parametrize("check", [Check(method, zero="0", remainders="0X1") for method in METHODS if method not in {"none", "mod16"}])
@given(number=st.integers(min_value=0, max_value=10**11 - 1))
def test_a_text_with_its_own_check_character_is_valid_and_with_another_is_not(check: Check, number: int) -> None:
    body = str(number).zfill(11)
    try:
        character = check_character(check, body)
    except NotComputable:
        return
    assert is_valid(check, body + character)
    assert split(check, body + character) == (body, character)
    alphabet = CODE39_ALPHABET if check.method in {"mod43", "mod103"} else "0123456789X"
    assert not any(is_valid(check, body + other) for other in alphabet if other != character)


@pytest.mark.parametrize(
    "check", [check for method in METHODS if detects_every_single_error(check := Check(method, remainders="0X1")) and method != "mod16"]
)
@given(body=st.text("0123456789", min_size=1, max_size=15), place=st.integers(0, 14), change=st.integers(1, 9))
def test_every_wrong_digit_is_noticed_where_the_method_promises_it(check: Check, body: str, place: int, change: int) -> None:
    place %= len(body)
    wrong = body[:place] + str((int(body[place]) + change) % 10) + body[place + 1 :]
    try:
        character = check_character(check, body)
    except NotComputable:
        return
    assert not is_valid(check, wrong + character)


@given(body=st.text("0123456789-$:/.+", min_size=1, max_size=15), place=st.integers(0, 14), other=st.sampled_from("0123456789-$:/.+"))
def test_modulus_16_notices_every_wrong_character(body: str, place: int, other: str) -> None:
    place %= len(body)
    wrong = body[:place] + other + body[place + 1 :]
    character = check_character(Check("mod16"), f"A{body}B")
    assert is_valid(Check("mod16"), f"A{body}{character}B")
    assert is_valid(Check("mod16"), f"A{wrong}{character}B") == (wrong == body)


@pytest.mark.parametrize(
    ("method", "right", "wrong"), [("7dr", "1230", "1237"), ("7dsr", "1230", "1237"), ("9dr", "1230", "1239"), ("mod10w21", "1230", "1235")]
)
def test_methods_that_promise_less_are_known_to_miss_a_digit(method: Method, right: str, wrong: str) -> None:
    check = Check(method, zero="0")
    assert not detects_every_single_error(check)
    assert check_character(check, right) == check_character(check, wrong)
