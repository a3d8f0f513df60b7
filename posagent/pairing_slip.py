"""Owns the slip that carries a pairing code from the printer to the page, in the register's language. PURE."""

from __future__ import annotations

from datetime import datetime

from posagent.slips import Checkpoint, Columns, Cut, Feed, Lang, Line, Rule, Slip, Text

MINUTES = 5


def pairing_slip(serial: str, store: str, register: str, issued: datetime, lang: Lang, code: str, name: str, origin: str) -> Slip:
    """``code``: eight digits, printed in two groups; ``origin`` "": a program. Not a receipt, no coupon, worthless after `MINUTES`."""
    ja = lang == "ja"
    title = "ペアリングコード" if ja else "Pairing code"
    lines: list[Line] = [
        Text(store, align="center", bold=True),
        Text(title, align="center", bold=True),
        Text(f"{issued:%Y-%m-%d %H:%M}", align="center"),
        Checkpoint("header"),
        Rule(),
        Columns("接続するもの" if ja else "To be paired", name),
        Text(origin or ("このレジのプログラム" if ja else "a program on this register")),
        Feed(),
        Text(f"{code[:4]} {code[4:]}", align="center", bold=True, wide=2, tall=2),
        Feed(),
        Text(f"発行から{MINUTES}分間、一度だけ使えます。使ったら捨ててください。" if ja
             else f"Good once, for {MINUTES} minutes. Throw it away after use."),
        Text("心当たりのないときは、入力せずサポートに連絡してください。" if ja
             else "If you did not ask for it, do not enter it and tell support."),
        Rule(),
        Columns(f"レジ {register}" if ja else f"Register {register}", ""),
        Text(f"No. {serial}"),
        Checkpoint("body"),
        Cut(),
        Checkpoint("cut"),
    ]  # fmt: skip
    return Slip(serial, 1, tuple(lines), lang, title)
