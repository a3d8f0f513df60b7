"""Owns the words of registers that print katakana only (ｺﾞｳｹｲ), in the spelling of all others. PURE."""

from __future__ import annotations

import re

# Registers without kanji often lack the small kana too, so ショウケイ comes as シヨウケイ.
_WORDS = {
    "ゴウケイ": "合計",
    "ソウゴウケイ": "総合計",
    "ショウケイ": "小計",
    "ゲンケイ": "現計",
    "オカイケイ": "お会計",
    "オカイアゲケイ": "お買上計",
    "オカイアゲ": "お買上",
    "アズカリ": "お預り",
    "オアズカリ": "お預り",
    "ツリ": "お釣り",
    "オツリ": "お釣り",
    "ツリセン": "釣銭",
    "ゲンキン": "現金",
    "テンスウ": "点数",
    "コスウ": "点数",
    "ネビキ": "値引",
    "ワリビキ": "割引",
    "ヘンピン": "返品",
    "ヘンキン": "返金",
    "トリケシ": "取消",
    "チュウシ": "中止",
    "サイハッコウ": "再発行",
    "サイインジ": "再印字",
    "ヒカエ": "控",
    "セイサン": "精算",
    "テンケン": "点検",
    "ニッケイ": "日計",
    "ウリアゲ": "売上",
    "ジュンウリアゲ": "純売上",
    "ソウウリアゲ": "総売上",
    "リョウシュウショ": "領収書",
    "リョウシュウショウ": "領収証",
    "ウチゼイ": "内税",
    "ソトゼイ": "外税",
    "ゼイ": "税",
    "ショウヒゼイ": "消費税",
    "タイショウ": "対象",
    "タイショウガク": "対象額",
    "キンガク": "金額",
    "ゼイコミ": "税込",
    "レンシュウ": "練習",
    "カリシメ": "仮締",
    "カイケイマエ": "会計前",
    "ニッポウ": "日報",
    "チュウモン": "注文",
    "デンピョウ": "伝票",
    "バンゴウ": "番号",
    "キャクスウ": "客数",
}
_SMALL = str.maketrans("ァィゥェォッャュョ", "アイウエオツヤユヨ")
_TABLE = _WORDS | {kana.translate(_SMALL): kanji for kana, kanji in _WORDS.items()}
_ONE = "|".join(sorted(_TABLE, key=len, reverse=True))
_WHOLE = re.compile(rf"(?<![ァ-ヶー])(?:{_ONE}){{1,3}}(?![ァ-ヶー])")
_PART = re.compile(_ONE)


def in_kanji(line: str) -> str:
    """The line with register words in kanji; words inside other katakana words stay."""
    return _WHOLE.sub(lambda found: _PART.sub(lambda part: _TABLE[part[0]], found[0]), line)
