"""Owns where a line may end: Japanese line breaking (kinsoku), words and numbers kept whole, widths counted in cells.

Greedy: the last place within the width where a break is allowed; that moves a character that may not begin a line down together with the
one before it. A word, an address or a number is broken only when it is wider than the line. Where no place is allowed (a line of
nothing but closing marks) the rules give way one by one, and the width never does.
"""

from __future__ import annotations

import unicodedata

from drivers.escpos.charset import CELLS, width

NOT_FIRST = frozenset(
    "、。，．・：；？！゛゜ヽヾゝゞ々ー〜～）］｝〕〉》」』】’”…‥％℃円"
    "ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ"
    ",.!?:;)]}｡､｣･ｰﾞﾟｧｨｩｪｫｬｭｮｯ%"
)
"""Characters that may not stand at the start of a line (JIS X 4051 and the half-width forms)."""

NOT_LAST = frozenset("（［｛〔〈《「『【‘“￥＄№([{｢¥$#")
"""Characters that may not stand at the end of a line."""

_SEAMS = frozenset("/?&=")
_UNITS = frozenset("円個枚点回本杯人名様月日年時分秒階割倍件品袋箱P%％℃")


def wrap(text: str, cells: int) -> list[str]:
    """A cleaned text in lines of at most ``cells`` cells. Line breaks in it stay; an empty text is one empty line."""
    if width(text) <= cells and "\n" not in text:
        return [text]
    return [line for paragraph in text.split("\n") for line in _wrapped(paragraph, max(cells, 2))]


def _wrapped(text: str, cells: int) -> list[str]:
    lines = []
    while width(text) > cells:
        fits = _fitting(text, cells)
        cut = fits if text[fits] == " " and _decent(text, fits) else _cut(text, fits, cells)
        lines.append(text[:cut].rstrip(" "))
        text = text[cut:].lstrip(" ")
    return [*lines, text] if text or not lines else lines


def _fitting(text: str, cells: int) -> int:
    """How many characters fit; a combining mark stays with its character."""
    used = 0
    for count, char in enumerate(text):
        used += CELLS[char]
        if used > cells:
            return count
    return len(text)


def _cut(text: str, fits: int, cells: int) -> int:
    """Where to end the line: at the most ``fits``, and never 0."""
    free = next((cut for cut in range(fits, 0, -1) if _free(text, cut)), 0)
    if free and not _leaves_a_stump(text, free, fits, cells):
        return free
    decent = [cut for cut in range(fits, 0, -1) if _decent(text, cut)]
    if decent:  # an address that has to be broken is broken behind a stroke, if that leaves a fair part of it on this line
        return next((cut for cut in decent if cut > fits // 3 and text[cut - 1] in _SEAMS and text[cut] not in _SEAMS), decent[0])
    cut = fits
    while cut > 1 and CELLS[text[cut]] == 0:
        cut -= 1
    return max(cut, 1)


def _leaves_a_stump(text: str, cut: int, fits: int, cells: int) -> bool:
    """Whether the word that would move down as a whole is wider than a line anyway: then it may as well begin here."""
    if cut >= fits or cells - width(text[:cut].rstrip(" ")) < cells // 3:
        return False
    end = cut
    while end < len(text) and (end == cut or not _free(text, end)):
        end += 1
        if width(text[cut:end]) > cells:
            return True
    return False


def _decent(text: str, cut: int) -> bool:
    """Whether the marks allow it, whatever becomes of words."""
    before, after = text[cut - 1], text[cut]
    if before == " " or after == " ":  # spaces at the break go: what will really stand at the end and at the start
        before, after = (text[:cut].rstrip(" ") or " ")[-1], (text[cut:].lstrip(" ") or " ")[0]
    return after not in NOT_FIRST and before not in NOT_LAST and CELLS[after] > 0 and not (before == after and before in "…‥―—")


def _free(text: str, cut: int) -> bool:
    """Whether a break is allowed before ``text[cut]``."""
    before, after = text[cut - 1], text[cut]
    if not _decent(text, cut):
        return False
    if before == " " or after == " ":
        return True
    if _is_of_word(before) and _is_of_word(after):
        return False
    return not ((before.isdigit() or before in ",.") and after in _UNITS)


def _is_of_word(char: str) -> bool:
    """Letters, digits and what stands inside words, numbers and addresses. Kana, Kanji and Hangul are not: they break anywhere."""
    if char.isascii():
        return True
    return (CELLS[char] < 2 and not "｡" <= char <= "ﾟ") or "฀" <= char <= "๿" or unicodedata.category(char) in {"Mn", "Me"}
