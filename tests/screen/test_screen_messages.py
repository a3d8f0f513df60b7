"""Every code has words in both languages, and no value can break a message."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import posagent.errors
from posagent.errors import PosagentError
from posagent.messages import CATALOGUE, message, words

JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


def test_every_error_class_of_ours_has_words() -> None:
    raised = [thing for thing in vars(posagent.errors).values() if isinstance(thing, type) and issubclass(thing, PosagentError)]
    assert len(raised) >= 12
    assert [kind.__name__ for kind in raised if kind.code not in CATALOGUE] == []


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_a_message_says_what_and_what_to_do_in_both_languages(code: str) -> None:
    found = CATALOGUE[code]
    assert re.fullmatch(r"E[1-79]\d\d", code)
    assert found.code == code
    assert JAPANESE.search(found.ja.title)
    assert JAPANESE.search(found.ja.todo)
    assert not JAPANESE.search(found.en.title + found.en.todo)
    assert all(len(text) <= 110 for text in (found.ja.title, found.ja.todo, found.en.title, found.en.todo))
    names = re.compile(r"\{(\w+)\}")
    assert set(names.findall(found.ja.title + found.ja.todo)) == set(names.findall(found.en.title + found.en.todo))


def test_an_unknown_code_keeps_its_number_and_borrows_the_internal_error() -> None:
    assert message("E299").code == "E299"
    assert message("E299").en == CATALOGUE["E900"].en


def test_a_missing_value_is_a_dash() -> None:
    assert words("E301", "en").title == "— is not connected"


def test_a_hostile_value_is_shortened_and_cannot_name_anything_of_ours() -> None:
    said = words("E301", "en", {"device": "{0.__class__}\x1b[31m" + "x" * 100})
    assert said.title.startswith("{0.__class__} [31m")
    assert "\x1b" not in said.title
    assert len(said.title) < 90


def test_every_code_that_our_source_mentions_has_words() -> None:
    root = Path(__file__).parents[2]
    sources = [path for package in ("posagent", "drivers", "offline_queue") for path in (root / package).rglob("*.py")]
    assert len(sources) > 20
    mentioned = {code: path.name for path in sources for code in re.findall(r'"(E[1-79]\d\d)"', path.read_text("utf-8"))}
    assert {code: name for code, name in mentioned.items() if code not in CATALOGUE} == {}
