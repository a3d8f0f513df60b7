"""Owns what the doctor says: for every finding what is wrong and why, and the exact next step, in Japanese and English. PURE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from posagent.doctor.counter_rows import COUNTER_ROWS
from posagent.doctor.machine_rows import MACHINE_ROWS
from posagent.doctor.row import Said

Language = Literal["ja", "en"]
WORDS = MACHINE_ROWS | COUNTER_ROWS
"""Finding -> (Japanese, English)."""


def said(key: str, values: Mapping[str, Any], language: Language) -> Said:
    """A finding in words. A value that was not given is shown as ``—``. "device_says" hands on the agent's own message."""
    if "message" in values:
        words = values["message"][language]
        return Said(_plain(f"{values['device']}: {words['title']} [{values['code']}]"), _plain(words["todo"]))
    pair = WORDS[key][0 if language == "ja" else 1]
    shown = _Shown({name: _plain(value) for name, value in values.items()})
    return Said(pair.wrong.format_map(shown), pair.todo.format_map(shown))


def name_of(check: str, language: Language) -> str:
    """What a check looks at."""
    return NAMES[check][0 if language == "ja" else 1]


class _Shown(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "—"


def _plain(value: object) -> str:
    return "".join(mark if mark.isprintable() else " " for mark in str(value))[:300]


NAMES: dict[str, tuple[str, str]] = {
    "D-101": ("サービス", "service"),
    "D-102": ("設定ファイル", "settings"),
    "D-103": ("時計", "clock"),
    "D-104": ("ディスクの空き", "disk space"),
    "D-105": ("記録（ジャーナル）", "journal"),
    "D-106": ("ファイルの権限", "file permissions"),
    "D-107": ("ディスクの書き込み", "disk flush"),
    "D-108": ("記録の鎖", "the journal's chain"),
    "D-110": ("会員コードの規則", "member code rules"),
    "D-111": ("ポイントの規則", "program"),
    "D-201": ("機器の接続", "devices"),
    "D-203": ("ほかのプログラム", "other programs"),
    "D-204": ("同じ機器の区別", "twin devices"),
    "D-205": ("機器の種類の許可", "device classes"),
    "D-206": ("カーネルの報告", "kernel messages"),
    "D-207": ("読み取りの品質", "scan quality"),
    "D-208": ("LAN の機器", "network devices"),
    "D-209": ("ドライバ", "drivers"),
    "D-210": ("udev の規則", "udev rules"),
    "D-211": ("udev の報告", "udev's complaints"),
    "D-300": ("エージェントへの問い合わせ", "asking the agent"),
    "D-301": ("機器の状態", "device states"),
    "D-302": ("印字から読み取りまで", "closed loop"),
    "D-303": ("プリンタ", "printers"),
    "D-304": ("人の判断待ち", "waiting for a person"),
    "D-401": ("本部との接続", "head office"),
    "D-403": ("レジの登録", "enrolment"),
    "D-501": ("外からの要求", "strangers' requests"),
    "D-502": ("ブラウザの許可", "browser policy"),
    "D-601": ("パッケージ", "package"),
}
