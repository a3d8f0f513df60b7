"""Owns the form of a finding's words: what is wrong and the next step, in Japanese and English. PURE.

A placeholder in braces is filled with what was found. Commands stand in the form in which they can be typed.
"""

from __future__ import annotations

from typing import NamedTuple


class Said(NamedTuple):
    """``wrong``: what is wrong and why. ``todo``: the next step, with the command where there is one."""

    wrong: str
    todo: str


def row(ja_wrong: str, ja_todo: str, en_wrong: str, en_todo: str) -> tuple[Said, Said]:
    """(Japanese, English)."""
    return Said(ja_wrong, ja_todo), Said(en_wrong, en_todo)
