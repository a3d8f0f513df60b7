"""Owns the words of our slips: grant, coupon, charge, report and test slips in Japanese and English, composed from plain values. PURE.

Every slip names its store, register, serial and time of issue at the top and at the foot, and says that it is not a receipt. A coupon is a
bearer paper and carries nothing of the member; a point slip carries the masked number only. A code stands last, before the cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from posagent.slips import QR, Barcode, Checkpoint, Columns, Cut, Feed, Lang, Line, Rule, Slip, Stamps, Symbology, Text

_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # noqa: SIM905
_DAYS_JA = "月火水木金土日"
_DAYS_EN = "Mon Tue Wed Thu Fri Sat Sun".split()  # noqa: SIM905


@dataclass(frozen=True, slots=True)
class Head:
    """What every slip says of itself."""

    serial: str  # <store>-<register>-<yyyymmdd>-<n>
    store: str
    register: str
    issued: datetime  # local time of the register, aware
    lang: Lang = "ja"
    operator: str = ""
    sample: bool = False
    footer: tuple[str, ...] = ()  # the shop's own words, at the end


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's balance as it was known at a time; ``amount`` None: it will be told later (the register is offline)."""

    amount: int | None
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """A stamp card after this sale."""

    name: str
    filled: int
    size: int
    new: int = 0
    reward: str = ""  # what a full card gives


@dataclass(frozen=True, slots=True)
class Section:
    """A block of a report: a heading and its rows."""

    title: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """What the law wants said after a charge (資金決済法 13条): every text is the issuer's own."""

    issuer: str
    contact: str
    places: str = ""  # where it can be used
    lookup: str = ""  # how the unused balance can be seen
    cautions: tuple[str, ...] = ()


# ---------------------------------------------------------------- words


def day_text(day: date, lang: Lang) -> str:
    """2026年11月30日(月) · Mon 30 Nov 2026."""
    if lang == "ja":
        return f"{day.year}年{day.month}月{day.day}日({_DAYS_JA[day.weekday()]})"
    return f"{_DAYS_EN[day.weekday()]} {day.day} {_MONTHS[day.month - 1]} {day.year}"


def time_text(moment: datetime, lang: Lang) -> str:
    """2026年11月22日(日) 10:31 · Sun 22 Nov 2026 10:31."""
    return f"{day_text(moment, lang)} {moment:%H:%M}"


def yen(amount: int, lang: Lang) -> str:
    """1,280円 · ¥1,280."""
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount):,}円" if lang == "ja" else f"{sign}¥{abs(amount):,}"


def points(amount: int, lang: Lang) -> str:
    """49ポイント · 49 points."""
    return f"{amount:,}ポイント" if lang == "ja" else f"{amount:,} {'point' if abs(amount) == 1 else 'points'}"


def _top(head: Head, title: str) -> list[Line]:
    return [
        Text(head.store, align="center", bold=True, tall=2),
        Feed(),
        Text(title, align="center", bold=True),
        Text(time_text(head.issued, head.lang), align="center"),
        Text(f"No. {head.serial}", align="center"),
        Checkpoint("header"),
    ]


def _foot(head: Head, *, receipt_words: bool = True) -> list[Line]:
    ja = head.lang == "ja"
    lines: list[Line] = [Rule(), Columns(f"レジ {head.register}" if ja else f"Register {head.register}", f"{head.issued:%Y-%m-%d %H:%M}")]
    if head.operator:
        lines.append(Columns("担当" if ja else "Staff", head.operator))
    lines.append(Text(f"No. {head.serial}"))
    lines += [Text(words, align="center") for words in head.footer]
    if receipt_words:
        lines.append(Text("※領収書ではありません" if ja else "This is not a receipt.", align="center"))
    return [*lines, Checkpoint("body")]


def _end(code: Sequence[Line] = ()) -> list[Line]:
    return [*code, Checkpoint("code"), Cut(), Checkpoint("cut")] if code else [Cut(), Checkpoint("cut")]


def _slip(head: Head, title: str, *parts: Sequence[Line]) -> Slip:
    return Slip(head.serial, 1, tuple(line for part in parts for line in part), head.lang, title, head.sample)


def _balance(head: Head, balance: Balance, label: str) -> list[Line]:
    ja = head.lang == "ja"
    if balance.amount is None:
        return [Columns(label, "後ほど反映" if ja else "will follow"),
                Text("通信が戻りしだい加算されます。" if ja else "Your balance is updated when the line is back.")]  # fmt: skip
    unit = f"{balance.amount:,}P"
    lines: list[Line] = [Columns(label, unit, bold=True)]
    if balance.as_of is not None:
        lines.append(Text(f"{balance.as_of:%m/%d %H:%M} 現在" if ja else f"as of {balance.as_of:%d %b %H:%M}", align="right"))
    return lines


# ---------------------------------------------------------------- slips


def grant_slip(
    head: Head,
    *,
    member: str,  # masked
    granted: int,
    balance: Balance,
    used: int = 0,
    sale_total: int | None = None,
    sale_id: str = "",
    cards: Sequence[Card] = (),
    expiry: tuple[int, date] | None = None,  # nearest: so many points, on this day
    explain: Sequence[tuple[str, str]] = (),  # how the points came about: label, amount
    message: str = "",
) -> Slip:
    """The point slip that goes to the member with the change."""
    ja = head.lang == "ja"
    title = "ポイントのお知らせ" if ja else "Your points today"
    body: list[Line] = [Rule(), Columns("会員番号" if ja else "Member", member)]
    if sale_total is not None:
        body.append(Columns("お買い上げ" if ja else "Purchase", yen(sale_total, head.lang)))
    if sale_id:
        body.append(Columns("レシート番号" if ja else "Receipt", sale_id))
    body += [Rule("thick"), Text("今回のポイント" if ja else "Points earned", align="center"),
             Text(f"+{granted:,}P" if granted >= 0 else f"{granted:,}P", align="center", bold=True, wide=2, tall=2)]  # fmt: skip
    if explain:
        body += [Rule("dashed"), *(Columns(f" {label}", amount) for label, amount in explain)]
    body.append(Rule("thick"))
    if used:
        body.append(Columns("ご利用ポイント" if ja else "Points used", f"-{used:,}P"))
    body += _balance(head, balance, "ポイント残高" if ja else "Balance")
    if expiry is not None:
        amount, last = expiry
        words = f"{amount:,}P が {day_text(last, 'ja')}まで" if ja else f"{amount:,}P expire on {day_text(last, 'en')}"
        body.append(Text(f"うち {words}" if ja else words))
    for card in cards:
        body += [Feed(), *_card(card, ja=ja)]
    if message:
        body += [Feed(), Text(message, align="center")]
    return _slip(head, title, _top(head, title), body, _foot(head), _end())


def _card(card: Card, *, ja: bool) -> list[Line]:
    lines: list[Line] = [Columns(card.name, f"{card.filled}/{card.size}", bold=True), Stamps(card.filled, card.size, card.new)]
    left = card.size - card.filled
    if left == 0:
        lines.append(Text(f"満了!{card.reward}" if ja else f"Full! {card.reward}", align="center", bold=True))
    elif card.reward:
        words = f"あと{left}個で {card.reward}" if ja else f"{left} more for {card.reward}"
        lines.append(Text(words, align="center"))
    return lines


def coupon_slip(
    head: Head,
    *,
    benefit: str,  # "100円引き"
    last_day: date,
    code: str,
    symbology: Symbology | None = None,  # None: QR
    detail: str = "",  # "次回のお会計から"
    conditions: Sequence[str] = (),
    first_day: date | None = None,
    single_use: bool = True,
) -> Slip:
    """A coupon: a bearer paper, without anything of the member."""
    ja = head.lang == "ja"
    title = "クーポン券" if ja else "Coupon"
    body: list[Line] = [Rule("thick"), Feed(), Text(benefit, align="center", bold=True, wide=2, tall=2)]
    body += [Feed(), Text(detail, align="center"), Rule("thick")] if detail else [Feed(), Rule("thick")]
    if first_day is not None:
        body.append(Columns("ご利用開始" if ja else "Valid from", day_text(first_day, head.lang)))
    body.append(Columns("有効期限" if ja else "Last day", day_text(last_day, head.lang) + ("まで" if ja else ""), bold=True))
    terms = list(conditions)
    if single_use:
        terms.append("1回限り・他のクーポンとの併用不可" if ja else "Valid once; not together with other coupons")
    body += [Text(f"{'・' if ja else '- '}{term}") for term in terms]
    printed: Line = QR(code, caption=code) if symbology is None else Barcode(symbology, code)
    return _slip(head, f"{title} {benefit}", _top(head, title), body, _foot(head), _end([Feed(), printed]))


def charge_slip(
    head: Head,
    *,
    member: str,  # masked
    charged: int,
    balance: Balance,  # yen
    terms: Terms,
    bonus: int = 0,
    expires: date | None = None,
) -> Slip:
    """What is handed over after a charge of prepaid value, with everything that 資金決済法 13条 asks for."""
    ja = head.lang == "ja"
    title = "チャージのお知らせ" if ja else "Prepaid charge"
    body: list[Line] = [
        Rule(),
        Columns("会員番号" if ja else "Member", member),
        Rule("thick"),
        Text("チャージ金額" if ja else "Charged", align="center"),
        Text(yen(charged, head.lang), align="center", bold=True, wide=2, tall=2),
        Rule("thick"),
    ]
    if bonus:
        body.append(Columns("ボーナス(別口座)" if ja else "Bonus (kept apart)", yen(bonus, head.lang)))
    amount = ("後ほど反映" if ja else "will follow") if balance.amount is None else yen(balance.amount, head.lang)
    body.append(Columns("チャージ残高" if ja else "Balance", amount, bold=True))
    if balance.as_of is not None:
        body.append(Text(f"{balance.as_of:%m/%d %H:%M} 現在" if ja else f"as of {balance.as_of:%d %b %H:%M}", align="right"))
    if expires is not None:
        body.append(Columns("有効期限" if ja else "Expires", day_text(expires, head.lang)))
    body += [Rule("dashed"), Columns("発行者" if ja else "Issuer", terms.issuer)]
    if terms.places:
        body.append(Text(f"ご利用場所: {terms.places}" if ja else f"Accepted at: {terms.places}"))
    if terms.lookup:
        body.append(Text(f"残高照会: {terms.lookup}" if ja else f"See your balance: {terms.lookup}"))
    body.append(Text(f"お問い合わせ: {terms.contact}" if ja else f"Contact: {terms.contact}"))
    cautions = ("払戻しはできません。" if ja else "No refunds.", *terms.cautions)
    body += [Text(f"・{words}" if ja else f"- {words}") for words in cautions]
    return _slip(head, title, _top(head, title), body, _foot(head), _end())


def report_slip(
    head: Head,
    *,
    kind: str,  # "x" looks, "z" closes
    business_date: date,
    sections: Sequence[Section],
    first_seq: int,
    last_seq: int,
    chain: str,  # the journal's head, in hexadecimal
    remark: str = "",
) -> Slip:
    """点検 (X) and 精算 (Z). The journal's head on paper is what later shows that nothing was taken out."""
    ja, closing = head.lang == "ja", kind == "z"
    title = ("精算レポート (Z)" if closing else "点検レポート (X)") if ja else ("Closing report (Z)" if closing else "Interim report (X)")
    body: list[Line] = [Rule(), Columns("営業日" if ja else "Business date", day_text(business_date, head.lang))]
    for section in sections:
        body += [Rule("dashed"), Text(section.title, bold=True), *(Columns(f" {label}", value) for label, value in section.rows)]
    shown = " ".join(chain[start : start + 4] for start in range(0, min(len(chain), 16), 4))
    body += [Rule("dashed"), Text("記録" if ja else "Journal", bold=True),
             Columns(" 連番" if ja else " Sequence", f"{first_seq:,} - {last_seq:,}"),
             Columns(" 照合値" if ja else " Digest", shown)]  # fmt: skip
    if remark:
        body.append(Text(remark))
    if closing:
        body.append(Text("この精算で営業日を締めました。" if ja else "This report closes the business date."))
    return _slip(head, title, _top(head, title), body, _foot(head, receipt_words=False), _end())


def diagnostic_slip(head: Head, *, facts: Sequence[tuple[str, str]], code: str = "4901234567894") -> Slip:
    """A test print: what the printer says of itself, every kind of character and mark, and codes that a scanner can read back."""
    ja = head.lang == "ja"
    title = "テスト印字" if ja else "Test print"
    body: list[Line] = [
        Rule(),
        *(Columns(label, value) for label, value in facts),
        Rule("dashed"),
        Text("0123456789 ABCDEFGHIJKLMNOPQRSTUVWXYZ abcdefghijklmnopqrstuvwxyz !\"#$%&'()*+,-./:;<=>?@[]^_`{|}"),
        Text("漢字 ひらがな カタカナ ﾊﾝｶｸｶﾅ ¥1,280"),
        Text("髙﨑 𠮷野家 ①㈱№ ± × ÷ ★ ♪"),
        Text("Café Größe 한글 ไทย 😀"),
        Text("太字 Bold", bold=True),
        Text("白抜き Inverted", align="center", invert=True),
        Text("横倍 Wide", wide=2),
        Text("縦倍 Tall", tall=2),
        Text("四倍 Big", wide=2, tall=2),
        Columns("左 Left", "右 Right"),
        Stamps(3, 10, 1),
        Rule("thick"),
    ]
    codes: list[Line] = [Barcode("jan13", code), Feed(), Barcode("code128", "TEST-0123"), Feed(), Barcode("nw7", "A1234567890A"),
                         Feed(), QR("https://example.jp/t/0123", caption="https://example.jp/t/0123")]  # fmt: skip
    return _slip(head, title, _top(head, title), body, _foot(head, receipt_words=False), _end([Feed(), *codes]))


def findings_slip(head: Head, findings: Sequence[tuple[str, str, str]], code: str) -> Slip:
    """What the doctor found: (check, what is wrong, what to do), gravest first, and its ``code`` for the support centre."""
    ja = head.lang == "ja"
    title = "点検結果" if ja else "Doctor's findings"
    body: list[Line] = [Rule()]
    for check, wrong, todo in findings:
        body += [Text(f"{check} {wrong}", bold=True), Text(f"→ {todo}"), Rule("dashed")]
    if not findings:
        body.append(Text("問題は見つかりませんでした" if ja else "Nothing is wrong"))
    caption = "サポートにお見せください" if ja else "For your support centre"
    return _slip(head, title, _top(head, title), body, _foot(head, receipt_words=False), _end([Feed(), QR(code, caption)]))
