"""Owns how a receipt's line is read: one spelling for every width and space, and its labels with their amounts. PURE.

``合　計 (3点)   ￥１，０８０-`` becomes one pair: label ``合計``, amount 1080. Percentages, quantities, dates and telephone numbers are
no amounts.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from posagent.doors.abroad import in_japanese
from posagent.doors.kana import in_kanji

LONGEST_LINE = 400
"""Characters of a line that are looked at; paper holds 64."""
MOST_AMOUNTS = 16
"""Amounts of a line that are looked at; no paper has so many columns."""
LARGEST = 99_999_999
"""A larger number is no amount of a receipt (and a JAN code has 13 digits)."""

_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2500\u2501\uff0d\ufe63"
_BACK = str.maketrans({"\\": "¥", "\u3000": " ", "\t": " ", "△": "-", "▲": "-"} | dict.fromkeys(_DASHES, "-"))
_LONG_VOWELS = re.compile(r"ー{2,}")  # a line drawn with long vowel marks
_LEADERS = re.compile(r"-{2,}|={2,}|\.{3,}|…+|・{3,}|_{2,}")
_SIGN_HERE = re.compile(r"\W{0,4}[xX] ?_{4}")  # X________: no X report
_DECORATION = dict.fromkeys(map(ord, " *=_~#<>[]{}【】《》〈〉「」『』■□◆◇★☆●○◎▼▽※→・:;.,'\"!|+-()"))
_BOXES = re.compile(r"[\u2500-\u257f\u2581-\u258f\x00-\x1f\x7f-\x9f\u200b-\u200f\u2060\ufeff|]+")
_CJK = "\u3005-\u3007\u3041-\u30ff\u3400-\u9fff"
_SPACED = re.compile(rf"(?<![{_CJK}])[{_CJK}](?: +[{_CJK}](?![{_CJK}]))+")
_SPACED_LATIN = re.compile(r"(?<![A-Za-z])[A-Za-z](?: [A-Za-z](?![A-Za-z])){2,}")
_DOT_THOUSANDS = re.compile(r"(?<=¥)\d{1,3}(?:[.']\d{3}){1,2}(?![\d.,])|(?<![\d.,])\d{1,3}(?:[.']\d{3}){1,2}(?= ?円)")
"""Yen have no fractions: ¥15.000 is fifteen thousand."""
_TORN = re.compile(r"\d[,.'?\ufffd▒▓░█]$|[?\ufffd▒▓░█]$")
_TORN_OFF = re.compile(r"[,.']?\d|[?\ufffd▒▓░█万億千]")
"""A number of which not every digit was readable is no amount."""
_COMMA = re.compile(r"(?<=\d) ?, ?(?=\d{3}(?!\d))")
_OCR_GAP = re.compile(r"(?<![\d.,])(\d{1,3}) (0\d\d)(?![\d,.])|(?<=¥)(\d{1,3}) (\d{3})(?![\d,.])")
_SPREAD = re.compile(r"(?<![\d.,])\d(?: [\d,]){2,}(?![\d.])|(?:(?<=¥)|(?<=¥ ))\d \d(?![\d.,])")
"""Digits spread out one by one, as in double width: ¥ 1 , 8 7 0"""
_GUARD = re.compile(r"(?<=¥)[*#]{1,12}(?=\d)")  # ¥**12,800: nothing can be written before it
_SIGN_GAP = re.compile(r"(?<=¥) +(?=[-\d])|(?<=-) +(?=[¥\d])")
# At most this long by construction: every quantifier is bounded, so a line of any characters is read in linear time.
_MONEY = re.compile(
    r"(?P<sign>-)?(?P<mark>¥|JPY ?|[$€£] ?|(?<![A-Za-z])Y(?=\d))?(?P<inner>-)?"
    r"(?P<digits>\d{1,3}(?:,\d{3}){1,3}|\d{1,13})(?P<dec>\.\d{1,2}(?!\d))?(?P<end>\.?-|,-| ?円也?| ?yen\b| ?JPY\b)?",
    re.IGNORECASE,
)
_NOT_AFTER = re.compile(r"(?:[0-9A-Za-z#@/]|[0-9A-Za-z][:.\-]|No ?|№ ?|番号:? ?)$")
_NOT_BEFORE = re.compile(
    r"-?\d| ?(?:%|パーセント|ポイント|P\b|pt|point|[×xX*@:/] ?\d|[年月日時分秒台番号階回目歳]|(?:元|원|บาท|€)(?!伝|取)|[A-Za-z]{1,3}\d)",
    re.IGNORECASE,
)
_ENGLISH = r"(?:grand ?|sub-?)?total(?: amount)?|amount|cash|change|tax|(?:cash )?tendered|received|credit(?: card)?|card|discount"
_TAX_ONLY = r"(?!(?:税込み?|税抜き?|内税|込)[ )]*$)"
_TRANSLATED = re.compile(
    rf"(?P<before>[^A-Za-z]*[{_CJK}])[ /(]*(?:{_ENGLISH})[ )]*|(?:{_ENGLISH})[ /(]*(?P<after>{_TAX_ONLY}[{_CJK}][^A-Za-z]*?)[ )]*",
    re.IGNORECASE,
)
"""合計/TOTAL: one label in two languages."""
_NEAR = 16  # characters before and after a number that can say that it is no amount
_IN_A_SENTENCE = re.compile(r" ?(?:で(?!す)|以上|以下|未満|毎|ごと|につき|まで|から|お?引き?|オフ|off\b|相当|分)", re.IGNORECASE)
"""500円以上, 100円引: a sentence about money, no amount of this receipt."""
QUANTITY = re.compile(r"\(?\d{1,4} ?(?:点|テン|個|品|枚|本|名様?|人様?|コ(?![ァ-ヶ])|ケ|件|items?|pcs?|qty|units?)\)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Amount:
    """One amount of a line and what stands before it, up to the amount before."""

    label: str  # squeezed: no spaces, no decoration, lower case
    value: int  # negative where a minus or △ stands before or inside
    sure: bool  # has a currency mark, 円, or a separator: surely money, not a count
    currency: str = ""  # "jpy", "other", ""
    decimals: bool = False  # written with two decimals; the value is in hundredths


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a receipt."""

    text: str  # one spelling, single spaces
    squeezed: str  # without spaces and decoration, lower case
    amounts: tuple[Amount, ...]


def read_lines(text: str, *, most: int, cents: bool = False) -> tuple[Line, ...]:
    """The lines that carry anything; at most ``most``. ``cents``: 45.00 is an amount with hundredths, not forty-five yen."""
    found = []
    for raw in text.splitlines():
        line = spelled(raw)
        if line:
            found.append(Line(line, squeeze(line), amounts_of(line, cents=cents)))
            if len(found) >= most:
                break
    return tuple(found)


def spelled(raw: str) -> str:
    """One spelling: NFKC, \\ and ￥ as ¥, △ and every dash as -, letters that were spread out together again, single spaces."""
    line = unicodedata.normalize("NFKC", raw[:LONGEST_LINE].translate(_BACK)).translate(_BACK)
    if _SIGN_HERE.match(line):
        return "signature"
    line = " ".join(_LEADERS.sub(" ", _BOXES.sub(" ", line)).split())
    line = _SPACED.sub(lambda found: found[0].replace(" ", ""), line)
    line = _SPACED_LATIN.sub(lambda found: found[0].replace(" ", ""), line)
    line = _SPREAD.sub(_together, line)
    line = _DOT_THOUSANDS.sub(lambda found: re.sub("[.']", ",", found[0]), line)
    line = _SIGN_GAP.sub("", _GUARD.sub("", _COMMA.sub(",", line)))
    line = _OCR_GAP.sub(lambda found: f"{found[1] or found[3]},{found[2] or found[4]}", line)
    return in_kanji(line)


def _together(found: re.Match[str]) -> str:
    """1 , 8 7 0 is one number where a comma or ¥ says so; 1 2 3 are three columns."""
    return found[0].replace(" ", "") if "," in found[0] or found.string[: found.start()].rstrip(" -").endswith("¥") else found[0]


def squeeze(text: str) -> str:
    """Without spaces and decoration, in lower case; a long vowel mark inside a word stays."""
    return _LONG_VOWELS.sub("", text).translate(_DECORATION).lower()


def amounts_of(line: str, *, cents: bool = False) -> tuple[Amount, ...]:
    """Every amount of a line, from left to right, each with its label."""
    found: list[Amount] = []
    start = 0
    for money in _MONEY.finditer(line):
        if len(money["digits"]) > 9 and "," not in money["digits"]:
            continue
        marked = bool(money["mark"] or (money["end"] or "").strip(" .,-"))
        before, after = line[max(0, money.start() - _NEAR) : money.start()], line[money.end() : money.end() + _NEAR]
        if not marked and (_NOT_AFTER.search(before) or _NOT_BEFORE.match(after)):
            continue
        if _TORN.search(before) or _TORN_OFF.match(after):
            continue
        if marked and _IN_A_SENTENCE.match(after):
            continue
        if QUANTITY.match(line, money.start("digits")) and not marked:
            continue
        value = int(money["digits"].replace(",", ""))
        decimals = money["dec"] is not None and len(money["dec"]) == 3
        if decimals:
            hundredths = int(money["dec"][1:])
            decimals = cents or bool(hundredths) or money["mark"] in {"$", "€", "£"}
            value = value * 100 + hundredths if decimals else value
        if value > LARGEST:
            continue
        negative = bool(money["sign"] or money["inner"]) or before.rstrip().endswith(("マイナス", "minus", "(-"))
        mark = (money["mark"] or money["end"] or "").strip(" .,-").lower()
        currency = "other" if mark in {"$", "€", "£"} else "jpy" if mark else ""
        label = squeeze(_label(line[start : money.start()])).removesuffix("マイナス").removesuffix("minus")
        sure = marked or "," in money["digits"]
        found.append(Amount(label, -value if negative else value, sure, currency, decimals))
        start = money.end()
        if len(found) >= MOST_AMOUNTS:
            break
    return tuple(found)


_WHEN = re.compile(r"(?<!\d)(?:\d{2,4}[/.\-年]\d{1,2}[/.\-月]\d{1,2}日?(?: ?\(.\))?|\d{1,2}:\d{2}(?::\d{2})?)(?!\d)")


def _label(text: str) -> str:
    """What names the amount: the words after a quantity, or those before it where nothing follows it."""
    parts = [part.strip(" /:()") for part in QUANTITY.split(_WHEN.sub(" ", text))]
    label = next((part for part in reversed(parts) if part), "")
    both = _TRANSLATED.fullmatch(label)
    return in_japanese((both["before"] or both["after"]) if both else label)
