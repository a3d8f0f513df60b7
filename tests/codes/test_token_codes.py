"""Time-limited member codes: RFC vectors, the window, replay, and registers with a doubtful clock or without keys."""

from __future__ import annotations

import re

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from posagent.errors import SettingsError
from posagent.member_code import Member, Refused, classify, parse_token, read_rules
from posagent.strict import Table
from posagent.token_codes import (
    MOST_REMEMBERED,
    REMEMBER_S,
    Seen,
    Token,
    TokenAccepted,
    TokenRefused,
    base45,
    judge,
    parse_signed,
    parse_window,
    totp,
    totp_step,
)
from posagent.token_verify import verifier

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw().hex()
NOW = 1_790_000_000
RFC_KEY = b"12345678901234567890"


def signed(member: str = "9876543210", at_s: int = NOW, scope: str = "shop-1", key: Ed25519PrivateKey = KEY) -> str:
    body = f"V1.{member}.{at_s}.{scope}"
    return f"{body}.{base45(key.sign(body.encode()))}"


def token(text: str) -> Token:
    found = parse_signed(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("at_s", "sha1", "sha256", "sha512"),
    [  # RFC 6238, appendix B
        (59, "94287082", "46119246", "90693936"),
        (1111111109, "07081804", "68084774", "25091201"),
        (1111111111, "14050471", "67062674", "99943326"),
        (1234567890, "89005924", "91819424", "93441116"),
        (2000000000, "69279037", "90698825", "38618901"),
        (20000000000, "65353130", "77737706", "47863826"),
    ],
)
def test_totp_agrees_with_the_rfc(at_s: int, sha1: str, sha256: str, sha512: str) -> None:
    assert totp(RFC_KEY, at_s, digits=8) == sha1
    assert totp(RFC_KEY + b"123456789012", at_s, digits=8, algorithm="sha256") == sha256
    assert totp((RFC_KEY * 4)[:64], at_s, digits=8, algorithm="sha512") == sha512


def test_a_totp_is_found_in_its_window_and_nowhere_else() -> None:
    otp = totp(RFC_KEY, 1_000_000_000, digits=6)
    assert totp_step(RFC_KEY, otp, 1_000_000_000) == 0
    assert totp_step(RFC_KEY, otp, 1_000_000_030) == -1
    assert totp_step(RFC_KEY, otp, 999_999_970) == 1
    assert totp_step(RFC_KEY, otp, 1_000_000_090) is None
    assert totp_step(RFC_KEY, otp, 0) is None


def test_base45_agrees_with_the_rfc() -> None:
    assert base45(b"AB") == "BB8"
    assert base45(b"Hello!!") == "%69 VD92EX0"
    assert base45(b"base-45") == "UJCLQE7W581"


@pytest.mark.parametrize("spell", ["base45", "base64url"])
def test_a_signed_token_is_verified_offline(spell: str) -> None:
    import base64

    text = signed()
    if spell == "base64url":
        body = text.rsplit(".", 1)[0] if "." not in text[-96:] else text[:-97]
        text = f"{body}.{base64.urlsafe_b64encode(KEY.sign(body.encode())).decode().rstrip('=')}"
    verdict = judge(token(text), now_s=NOW + 30, clock_ok=True, seen=Seen(), scope="shop-1", verify=verifier([PUBLIC]))
    assert verdict == TokenAccepted("9876543210", "verified", clock_unsure=False)


@pytest.mark.parametrize(
    ("text", "now_s", "why"),
    [
        (signed(), NOW + 91, "expired"),
        (signed(), NOW - 91, "ahead"),
        (signed(scope="shop-2"), NOW, "scope"),
        (signed(key=Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)), NOW, "signature"),
        (signed().replace("9876543210", "9876543211"), NOW, "signature"),
        (signed().replace("V1.", "v1."), NOW, "signature"),
    ],
)
def test_an_expired_foreign_or_forged_token_is_refused_in_both_languages(text: str, now_s: int, why: str) -> None:
    verdict = judge(token(text), now_s=now_s, clock_ok=True, seen=Seen(), scope="shop-1", verify=verifier([PUBLIC]))
    assert isinstance(verdict, TokenRefused)
    assert verdict.why == why
    assert verdict.ja
    assert verdict.en


def test_a_screenshot_shown_again_is_one_grant() -> None:
    first = token(signed())
    assert isinstance(judge(first, now_s=NOW, clock_ok=True, seen=Seen()), TokenAccepted)
    seen = Seen().with_token(first, NOW)
    again = judge(token(signed()), now_s=NOW + 5, clock_ok=True, seen=seen)
    assert isinstance(again, TokenRefused)
    assert again.why == "replayed"
    assert isinstance(judge(token(signed(at_s=NOW + 5)), now_s=NOW + 5, clock_ok=True, seen=seen), TokenAccepted)


def test_another_spelling_of_a_used_token_is_still_used() -> None:
    seen = Seen().with_token(token(signed()), NOW)
    other = judge(token(signed().replace("V1.", "v1.")), now_s=NOW, clock_ok=True, seen=seen)
    assert isinstance(other, TokenRefused)
    assert other.why == "replayed"


def test_a_clock_that_is_not_synchronised_flags_and_does_not_refuse() -> None:
    verdict = judge(token(signed()), now_s=NOW + 86400, clock_ok=False, seen=Seen(), verify=verifier([PUBLIC]))
    assert verdict == TokenAccepted("9876543210", "verified", clock_unsure=True)


def test_without_a_public_key_the_receiver_decides_later() -> None:
    verdict = judge(token(signed()), now_s=NOW, clock_ok=True, seen=Seen())
    assert verdict == TokenAccepted("9876543210", "deferred", clock_unsure=False)


def test_any_of_several_keys_will_do_and_a_wrong_key_text_is_told() -> None:
    other = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32).public_key().public_bytes_raw().hex()
    assert verifier([other, PUBLIC])(token(signed()).signed, token(signed()).signature)
    assert not verifier([])(token(signed()).signed, token(signed()).signature)
    for wrong in ("xyz", "00"):
        with pytest.raises(SettingsError, match="64 hexadecimal"):
            verifier([wrong])


def test_the_replay_memory_forgets_in_time_and_is_bounded() -> None:
    seen = Seen().with_token(token(signed()), NOW)
    assert seen.knows(token(signed()), NOW + REMEMBER_S - 1)
    assert not seen.knows(token(signed()), NOW + REMEMBER_S)
    full = Seen({f"{number:064x}": NOW + 1 + number for number in range(MOST_REMEMBERED)})
    grown = full.with_token(token(signed()), NOW)
    assert len(grown.until_s) == MOST_REMEMBERED
    assert grown.knows(token(signed()), NOW)
    assert f"{0:064x}" not in grown.until_s  # the oldest went


def test_a_window_token_gives_its_member_and_leaves_the_password_to_the_receiver() -> None:
    pattern = re.compile(r"M(?P<id>[0-9]{10})-(?P<time>[0-9]{10,13})-(?P<otp>[0-9]{6})")
    found = parse_window(f"M0123456789-{NOW}123-424242", pattern)  # milliseconds, as Google's wallet can send them
    assert found is not None
    assert (found.member, found.issued_s, found.otp) == ("0123456789", NOW, "424242")
    assert judge(found, now_s=NOW, clock_ok=True, seen=Seen()) == TokenAccepted("0123456789", "deferred", clock_unsure=False)
    assert parse_window("M0123456789", pattern) is None


def test_classify_recognises_tokens_and_gives_their_parts() -> None:
    table = Table.parse(
        '[[code]]\nname="live"\nkind="member"\nsymbologies=["qr"]\ntimed="signed"\nlength=10\n'
        '[[code]]\nname="window"\nkind="member"\ntimed="window"\npattern="M(?P<id>[0-9]{10})-(?P<time>[0-9]{10})"\ntemplate="https://s.example/t/{id}"'
    )
    rules = read_rules(table.tables("code"))
    assert table.problems == []
    assert classify(signed(), "Q1", rules) == Member("9876543210", "live", "qr", "signed")
    assert parse_token(rules[0], signed()) == token(signed())
    link = f"https://s.example/t/M0123456789-{NOW}"
    assert classify(link, "Q1", rules) == Member("0123456789", "window", "qr", "window")
    found = parse_token(rules[1], link)
    assert found is not None
    assert found.issued_s == NOW
    assert isinstance(classify("V1.9876543210.17900.shop." + "A" * 96, "C0", rules), Refused)
    assert isinstance(classify("V1.9876543210", "Q1", rules), Refused)


@given(st.text(max_size=200) | st.from_regex(r"V1\.[0-9]{1,5}\.[0-9]{1,13}\.[a-z]{0,4}\.[0-9A-Z $%*+./:-]{86,96}", fullmatch=True))
def test_no_text_breaks_the_token_reader(text: str) -> None:
    found = parse_signed(text)
    assert found is None or len(found.signature) == 64
