"""Verdicts on scanned texts: whose code is it, what is its number, and what the cashier reads when it is none."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posagent.check_digits import Check, check_character
from posagent.member_code import Ambiguous, Coupon, Member, Product, Refused, Rule, Staff, classify, default_rules, explain, read_rules
from posagent.member_code.symbologies import aim_of, expand_upc_e, normalise, symbology_of
from posagent.strict import Table

EXAMPLE = Path(__file__).parents[2] / "config" / "codes.example.toml"
RULES = default_rules()
CARD = "987654321000000" + check_character(Check("luhn"), "987654321000000")
JAN = "201234567890" + check_character(Check("mod10w3"), "201234567890")
WRONG_JAN = JAN[:-1] + str((int(JAN[-1]) + 1) % 10)


def rules_of(text: str) -> tuple[tuple[Rule, ...], list[str]]:
    table = Table.parse(text)
    rules = read_rules(table.tables("code"))
    return rules, [str(problem) for problem in table.problems]


def one_rule(body: str) -> tuple[Rule, ...]:
    rules, problems = rules_of(f'[[code]]\nname = "r"\nkind = "member"\n{body}')
    assert problems == []
    return rules


def test_the_example_file_is_the_demonstration_shop() -> None:
    table = Table.parse(EXAMPLE.read_text())
    rules = read_rules(table.tables("code"))
    table.finish()
    assert table.problems == []
    assert rules == default_rules()


@pytest.mark.parametrize(
    ("text", "aim", "number", "rule"),
    [
        (JAN, "E0", JAN, "jan-member"),
        (JAN, None, JAN, "jan-member"),
        (CARD, "C0", CARD, "code128-card"),
        (CARD, "Q1", CARD, "qr-number"),
        (CARD, None, CARD, "code128-card"),  # two rules agree on the number: nothing to ask
        (f"https://members.example/m/{CARD}", "Q1", CARD, "qr-link"),
        (f"HTTPS://MEMBERS.example/m/{CARD}", "Q1", CARD, "qr-link"),
        (f"https://members.example/m/{CARD}?utm_source=line#top", "Q1", CARD, "qr-link"),
        (f"https://members.example/m/{CARD}/", None, CARD, "qr-link"),
        ("A123456784A", "F0", "123456784", "nw7-card"),
        ("a123456784a", "F0", "123456784", "nw7-card"),
        ("A123456784A", None, "123456784", "nw7-card"),
    ],
)
def test_member_codes_of_every_carrier_are_recognised(text: str, aim: str | None, number: str, rule: str) -> None:
    verdict = classify(text, aim, RULES)
    assert isinstance(verdict, Member)
    assert (verdict.number, verdict.rule) == (number, rule)


def test_coupons_and_products_are_told_from_members() -> None:
    assert classify("CTWKVA1TWQH57KBD6", "C0", RULES) == Coupon("CTWKVA1TWQH57KBD6", "coupon", "code128")
    assert classify("4901234567894", "E0", RULES) == Product("4901234567894", "product", "ean13")
    assert classify("49123456", "E4", RULES) == Product("49123456", "product-8", "ean8")


def test_a_staff_card_is_staff() -> None:
    rules, problems = rules_of('[[code]]\nname="s"\nkind="staff"\nsymbologies=["code39"]\npattern="S[0-9]{5}"')
    assert problems == []
    assert classify("S00123", "A0", rules) == Staff("S00123", "s", "code39")


@pytest.mark.parametrize(
    ("text", "aim", "reason"),
    [
        ("", None, "empty"),
        ("   ", "C0", "empty"),
        ("9" * 5000, "Q1", "too_long"),
        ("1234\x00", None, "control"),
        ("1234\r\n5678", "C0", "control"),
        ("\x7f", "C0", "control"),
        (WRONG_JAN, "E0", "check_digit"),
        ("0212345678900", "E0", "check_digit"),
        (CARD[:-1] + str((int(CARD[-1]) + 1) % 10), "C0", "check_digit"),
        (CARD[:-1], "C0", "length"),
        ("A123456785A", "F0", "check_digit"),
        ("B123456784A", "F0", "start_stop"),
        ("123456784", "F0", "start_stop"),
        ("https://pay.example/p/123", "Q1", "other_shop"),
        (f"https://members.example.evil/m/{CARD}", "Q1", "other_shop"),
        (f"https://evil.example/?https://members.example/m/{CARD}", "Q1", "other_shop"),
        ("https://members.example/m/../../admin", "Q1", "length"),
        ("ABC", "A0", "symbology"),
        ("１２３４５６７８９０１２３", "E0", "prefix"),
    ],
)
def test_what_is_not_ours_is_refused_with_the_nearest_reason(text: str, aim: str | None, reason: str) -> None:
    verdict = classify(text, aim, RULES)
    assert isinstance(verdict, Refused)
    assert verdict.reason == reason


def test_a_refusal_speaks_both_languages_in_one_line_and_never_repeats_the_code() -> None:
    for text, aim in [("", None), (CARD[:-1], "C0"), (WRONG_JAN, "E0"), ("https://pay.example/p/1", "Q1"), ("A1A", "F0"), ("\x01", None)]:
        verdict = classify(text, aim, RULES)
        assert isinstance(verdict, Refused)
        for words in (verdict.ja, verdict.en):
            assert words
            assert len(words) <= 90
            assert "\n" not in words
            assert len(text.strip()) < 4 or text not in words


def test_without_rules_nothing_is_accepted() -> None:
    verdict = classify(JAN, "E0", ())
    assert isinstance(verdict, Refused)
    assert verdict.reason == "no_rules"


def test_a_code_that_two_rules_understand_differently_is_asked_about() -> None:
    rules = (*RULES, Rule("weighed", "product", frozenset({"ean13"}), frozenset({13}), (("20", "29"),), check=Check("mod10w3")))
    verdict = classify(JAN, "E0", rules)
    assert isinstance(verdict, Ambiguous)
    assert verdict.candidates == (Member(JAN, "jan-member", "ean13"), Product(JAN, "weighed", "ean13"))


def test_a_deny_list_settles_the_collision_with_weighed_goods() -> None:
    rules = one_rule('symbologies=["ean13"]\nlength=13\nprefixes=["20-29"]\ndeny=["21*", "' + JAN + '"]')
    for text in ("2112345678904"[:12] + check_character(Check("mod10w3"), "211234567890"), JAN):
        verdict = classify(text, "E0", rules)
        assert isinstance(verdict, Refused)
        assert verdict.reason == "denied"
    assert isinstance(classify("220000000000" + check_character(Check("mod10w3"), "220000000000"), "E0", rules), Member)


@pytest.mark.parametrize(
    ("start_stop", "text", "number"),
    [
        ("keep", "A123A", "A123A"),
        ("keep", "a123a", "A123A"),
        ("keep", "123", None),
        ("strip", "A123A", "123"),
        ("strip", "123", None),
        ("either", "A123A", "123"),
        ("either", "a123a", "123"),
        ("either", "123", "123"),
        ("either", "A123", None),
        ("either", "B123A", None),
    ],
)
def test_start_and_stop_characters_are_kept_stripped_or_optional(start_stop: str, text: str, number: str | None) -> None:
    rules = one_rule(f'symbologies=["nw7"]\npattern="[0-9]+"\nstart_stop="{start_stop}"\nguards="AA"')
    verdict = classify(text, "F0", rules)
    assert (verdict.number if isinstance(verdict, Member) else None) == number


def test_modulus_16_counts_start_and_stop_even_when_the_reader_left_them_out() -> None:
    rules = one_rule('symbologies=["nw7"]\nlength=9\ncheck="mod16"\nstart_stop="either"\nguards="AA"')
    assert classify("A12345678:A", "F0", rules) == Member("12345678:", "r", "nw7")
    assert classify("12345678:", "F0", rules) == Member("12345678:", "r", "nw7")
    assert isinstance(classify("12345678+", "F0", rules), Refused)


def test_a_check_digit_can_be_taken_off_the_number() -> None:
    rules = one_rule('symbologies=["code128"]\nlength=7\ncheck="7dr"\nstrip_check=true')
    assert classify("1234564", "C0", rules) == Member("123456", "r", "code128")


def test_leading_zeros_survive() -> None:
    rules = one_rule('length=8\npattern="[0-9]+"')
    assert classify("00000012", "C0", rules) == Member("00000012", "r", "code128")


def test_upc_numbers_become_thirteen_digits() -> None:
    for text, aim in [("036000291452", "E0"), ("0036000291452", "E0"), ("036000291452", None)]:
        assert classify(text, aim, RULES) == Product("0036000291452", "product", symbology_of(aim))
    assert classify("04252614", "E0", RULES) == Product("0042100005264", "product", "ean13")


@pytest.mark.parametrize("text", ["04252615", "21234565", "2425261", "1", "123456789", "ABCDEF", ""])
def test_what_is_no_upc_e_number_does_not_expand(text: str) -> None:
    assert expand_upc_e(text) is None


def test_upc_e_expansion_covers_every_ending() -> None:
    # GS1 General Specifications, the table of zero suppression: X stands for the six digits
    for six, eleven in [("123450", "01200000345"), ("123451", "01210000345"), ("123452", "01220000345"), ("123453", "01230000045"),
                        ("123454", "01234000005"), ("123455", "01234500005"), ("123459", "01234500009")]:
        whole = "0" + eleven
        assert expand_upc_e(six) == whole + check_character(Check("mod10w3"), whole)


def test_an_add_on_and_a_gs1_element_string_give_the_plain_number() -> None:
    assert normalise("978487234888012345", "E3")[0] == "9784872348880"
    assert normalise("01049012345678941712345", "C1")[0] == "4901234567894"
    assert normalise("0104901234567894", "C0")[0] == "0104901234567894"


@pytest.mark.parametrize(
    ("name", "aim"),
    [("JAN", "E0"), ("EAN-13", "E0"), ("]E0", "E0"), ("Code 128", "C0"), ("NW-7", "F0"), ("codabar", "F0"), ("QRCode", "Q1"),
     ("Q1", "Q1"), ("nonsense", None)],
)
def test_symbologies_are_known_by_their_usual_names(name: str, aim: str | None) -> None:
    assert aim_of(name) == aim


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ('kind="member"\nname="a"\nprefixes=["20"]', "accepts any text"),
        ('kind="membr"\nname="a"\nlength=3', "did you mean 'member'"),
        ('kind="member"\nname="a"\nlenght=13', "did you mean 'length'"),
        ('kind="member"\nname="a"\nlength=3\ncheck="7dsr"', "must be '0' or '7'"),
        ('kind="member"\nname="a"\nlength=3\npattern="("', "not a regular expression"),
        ('kind="member"\nname="a"\nlength=3\nprefixes=["20-9"]', "ranges of equal length"),
        ('kind="member"\nname="a"\nsymbologies=["ean13"]\nlength=13\ncheck="luhn"', "always mod10w3"),
        ('kind="member"\nname="a"\ntemplate="https://x/{id}/{id}"', "must hold {id} once"),
        ('kind="member"\nname="a"\nlength=3\nlengths=[4]', "stands beside length"),
        ('kind="member"\nname="a"\nlength=3\nstrip_check=true', "needs a check method"),
        ('kind="member"\nname="a"\nlength=3\nzero="7"', "7dsr and 9dsr only"),
        ('kind="member"\nname="a"\nlengths=[true]', "whole numbers"),
        ('kind="member"\nname="A B"\nlength=3', "short name"),
        ('kind="member"\nname="a"\ntimed="window"\npattern="x"', "must name its parts"),
        ('kind="member"\nname="a"\nlength=3\nsymbologies=["ean31"]', "did you mean 'ean13'"),
    ],
)
def test_a_wrong_rule_is_told_with_its_place_and_what_to_write(body: str, complaint: str) -> None:
    _, problems = rules_of("[[code]]\n" + body)
    assert any(complaint in problem and "code[1]" in problem for problem in problems), problems


def test_two_rules_of_one_name_are_told() -> None:
    _, problems = rules_of('[[code]]\nkind="member"\nname="a"\nlength=3\n' * 2)
    assert any("used by two" in problem for problem in problems)


def test_the_explanation_names_every_question() -> None:
    explanation = explain(WRONG_JAN, "E0", RULES)
    asked = [(step.rule, step.passed, step.words) for step in explanation.steps if step.rule == "jan-member"]
    assert [passed for _, passed, _ in asked] == [True, True, True, False]
    assert "mod10w3" in asked[-1][2]


def test_only_codes_that_nothing_checks_need_a_second_reading() -> None:
    assert not any(rule.needs_second_reading for rule in RULES if rule.name != "coupon")
    assert one_rule('symbologies=["itf"]\nlength=10')[0].needs_second_reading
    assert one_rule('length=10')[0].needs_second_reading
    assert not one_rule('symbologies=["code128"]\nlength=10')[0].needs_second_reading


@given(st.text(max_size=60), st.sampled_from([None, "E0", "E4", "C0", "C1", "F0", "A0", "I0", "Q1", "Q3", "d2", "X0", "", "]Q1"]))
def test_no_text_is_too_strange_for_a_verdict(text: str, aim: str | None) -> None:
    verdict = classify(text, aim, RULES)
    if isinstance(verdict, Member):
        assert verdict.number.isascii()
        assert verdict.number.isdigit()


def test_the_example_is_toml_that_python_reads() -> None:
    assert len(tomllib.loads(EXAMPLE.read_text())["code"]) == len(RULES)
