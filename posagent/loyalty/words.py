"""Owns the words for a quote: each step of the computation in Japanese and English, as a store manager would say it. PURE.

The slip and the screen show these lines; the event keeps the steps themselves (`Reason`), so that words may improve without touching history.
"""

from __future__ import annotations

from typing import Literal

from posagent.loyalty.model import Quote, Reason
from posagent.loyalty.rules import Program

Language = Literal["ja", "en"]

_REDUCTIONS: dict[str, tuple[str, str]] = {
    "discount": ("値引き", "discount"),
    "coupon": ("クーポン", "coupon"),
    "points": ("ポイント利用", "points used"),
    "value": ("チャージ利用", "prepaid value"),
}

REFUSALS: dict[str, tuple[str, str]] = {
    "unknown": ("このクーポンは登録がありません", "this coupon is not known here"),
    "blocked": ("このクーポンは使えません", "this coupon cannot be used (stopped, or another member's)"),
    "not_yet": ("まだ利用期間前です", "it is not valid yet"),
    "expired": ("有効期限が過ぎています", "it has expired"),
    "used": ("すでに使われています", "it was used already"),
    "reach": ("この店では使えません", "it belongs to another store or register"),
    "when": ("利用条件を満たしていません", "its conditions are not met"),
    "no_line": ("対象の商品がありません", "no item in this sale matches it"),
    "group": ("ほかのクーポンと併用できません", "it cannot be combined with another coupon of this sale"),
    "no_effect": ("値引きする金額が残っていません。このクーポンは次回使えます", "nothing is left to take off; it stays valid"),
}

_STEPS: dict[str, tuple[str, str]] = {
    "reduction": ("{kind} {yen}円", "{kind} of {yen} yen"),
    "coupon_used": ("クーポン「{label}」 {yen}円引き", 'coupon "{label}": {yen} yen off'),
    "coupon_refused": ("クーポン {code}: {why}", "coupon {code}: {why}"),
    "coupon_issued": ("クーポン「{label}」を発行", 'coupon "{label}" is issued'),
    "earn": ("{account}: 対象 {basis}円 → {gives} ({rule})", "{account}: {basis} yen count, {gives} granted (rule {rule})"),
    "boost": ("{account}: 特典 +{gives} ({rule})", "{account}: {gives} extra (boost {rule})"),
    "cap": ("{account}: 1回の上限 {limit} まで ({lost} は付きません)", "{account}: limited to {limit} per sale ({lost} not granted)"),
    "cooldown": ("{account}: 前回から間がないため付きません", "{account}: nothing, too soon after the last time ({policy})"),
    "charge": ("{account} {yen}円をチャージ", "{yen} yen charged to {account}"),
    "no_member": ("会員コードなし: 付与なし", "no member: nothing is granted"),
    "member_blocked": ("この会員には付与できません", "this member is blocked: nothing is granted"),
    "member_unverified": ("会員は未確認です。基本のルールで付与し、後で確認します", "the member is not verified yet: base rule for now"),
    "snapshot_old": ("会員情報が{hours}時間より古いため、基本のルールで付与します", "the member's record is over {hours} hours old: base rule"),
    "program_grace": ("期間終了後の猶予: 基本のルールのみ", "the program has ended: base rules only for a few days"),
    "program_ended": ("期間終了: 付与なし", "the program has ended: nothing is granted"),
    "program_not_yet": ("開始前: 付与なし", "the program has not begun: nothing is granted"),
}


def say(reason: Reason, program: Program, language: Language) -> str:
    """One step in words."""
    place = 0 if language == "ja" else 1
    values: dict[str, str] = {}
    for name, value in reason.values:
        if name == "account":
            account = program.account(str(value))
            values[name] = account.label if account and language == "ja" else str(value)
        elif name == "why":
            values[name] = REFUSALS[str(value)][place]
        elif name == "kind":
            values[name] = _REDUCTIONS[str(value)][place]
        elif isinstance(value, int):
            values[name] = f"{value:,}"
        else:
            values[name] = value
    return _STEPS[reason.code][place].format_map(values)


def explain(quote: Quote, program: Program, language: Language = "ja") -> list[str]:
    """The whole computation, one line per step, in the order in which it happened; the last lines are the totals."""
    lines = [say(reason, program, language) for reason in quote.explain]
    for entry in quote.entries:
        account = program.account(entry.account)
        label = account.label if account and language == "ja" else entry.account
        until = "" if entry.expires is None else f" (有効期限 {entry.expires})" if language == "ja" else f" (valid until {entry.expires})"
        lines.append(f"{label} {entry.delta:+,}{until}")
    return lines
