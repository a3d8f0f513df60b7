"""Owns what may be shown of a member's number: slips, screens, logs and diagnostics all use this. PURE."""

from __future__ import annotations

import re


def mask(number: str) -> str:
    """All but the last ``min(4, n // 3)`` characters as asterisks: never more than a third of the number, never more than four.

    Takes the number itself. Text straight from a reader may still carry NW-7 start and stop letters: `mask_code`.
    """
    shown = min(4, len(number) // 3)
    return "*" * (len(number) - shown) + (number[-shown:] if shown else "")


def strip_nw7(text: str) -> str:
    """Without NW-7 (Codabar) start and stop letters, where the text has that form; else unchanged."""
    found = re.fullmatch(r"[A-Da-d]([0-9$:/.+-]+)[A-Da-d]", text, re.ASCII)
    return found[1] if found else text


def mask_code(text: str) -> str:
    """A scanned code, masked: start and stop letters would otherwise take a digit's place among the shown characters."""
    return mask(strip_nw7(text))
