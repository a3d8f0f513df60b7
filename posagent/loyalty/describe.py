"""Owns the plain words for a program: what its rules say, in Japanese and English, for the people who answer for them. PURE."""

from __future__ import annotations

from collections.abc import Callable

from posagent.loyalty.days import Expire
from posagent.loyalty.numbers import show_rate, show_times
from posagent.loyalty.rules import Account, Benefit, Boost, CouponRule, Earn, Program, Ranks, Valid, When
from posagent.loyalty.words import Language

_DAYS_JA, _DAYS_EN = "月火水木金土日", ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
Say = Callable[[str, str], str]


def describe(program: Program, language: Language = "ja") -> list[str]:
    """The program, section by section; section headings begin with "■"."""
    ja = language == "ja"

    def say(japanese: str, english: str) -> str:
        return japanese if ja else english

    lines = [f"■ {program.name or program.id}  ({program.reference})"]
    lines += [_period(program, say), _basis(program, say)]
    lines.append(say("■ ためるもの", "■ What members collect"))
    for account in program.accounts:
        lines += _account(account, program, say)
    lines.append(say("■ 付与のルール (上から順に、最初に当てはまるもの)", "■ How it is earned (the first rule that matches, from the top)"))
    lines += [f"- {_earn(rule, program, say)}" for rule in program.earn]
    if program.boost:
        lines.append(say("■ 特典 (同じ組では一番よいもの一つ、組どうしは足します)", "■ Extras (the best of each group; groups add up)"))
        lines += [f"- {_boost(boost, program, say)}" for boost in program.boost]
    if program.coupon:
        lines.append(say("■ クーポン", "■ Coupons"))
        for coupon in program.coupon:
            lines += _coupon(coupon, program, say)
    if program.ranks:
        lines += _ranks(program.ranks, say)
    lines += _limits(program, say)
    return lines


def _period(program: Program, say: Say) -> str:
    first, last = program.first_day, program.last_day
    period = say(f"{first or '…'} から {last or '…'} まで", f"from {first or 'the beginning'} to {last or 'no end'}")
    start = f"{program.day_start // 60:02d}:{program.day_start % 60:02d}"
    stores = ", ".join(program.scope.stores)
    stores = say("全店", "all stores") if stores == "*" else stores
    return say(f"期間: {period}、対象: {stores}、一日の始まり: {start}", f"Period: {period}; where: {stores}; the day begins at {start}")


def _basis(program: Program, say: Say) -> str:
    tax = say("税込金額", "amounts with tax") if program.basis.tax == "included" else say("税抜金額", "amounts without tax")
    excluded = ", ".join(sorted(program.basis.exclude)) or say("なし", "nothing")
    names = {
        "discount": say("値引き", "discounts"),
        "coupon": say("クーポン", "coupons"),
        "points": say("ポイント利用", "points used"),
        "value": say("チャージ利用", "prepaid value"),
    }
    less = say("・", ", ").join(names[kind] for kind in names if kind in program.basis.reduced_by) or say("なし", "nothing")
    japanese = f"計算のもと: {tax} (差し引くもの: {less}、対象外の分類: {excluded})"
    return say(japanese, f"What counts: {tax}, less {less}; excluded categories: {excluded}")


def _expire(expire: Expire, say: Say) -> str:
    span_ja = f"{expire.months}か月" if expire.months is not None else f"{expire.days}日"
    span_en = f"{expire.months} months" if expire.months is not None else f"{expire.days} days"
    start = say("最後のご利用から", "after the last activity") if expire.start == "activity" else say("付与から", "after the grant")
    end = say(" (その月の末日まで)", " (to the end of that month)") if expire.round == "month" else ""
    return say(f"{start}{span_ja}{end}", f"{span_en} {start}{end}")


def _account(account: Account, program: Program, say: Say) -> list[str]:
    ends = say("期限なし", "no expiry") if account.expire is None else say("有効期限: ", "valid for ") + _expire(account.expire, say)
    lines = [f"- {account.label} ({account.name}): {ends}"]
    if redeem := account.redeem:
        most = "" if redeem.max is None else say(f"、1回{redeem.max:,}まで", f", at most {redeem.max:,} a sale")
        lines.append(
            say(
                f"    1ポイント={redeem.yen:,}円、{redeem.unit:,}ポイント単位、最低{redeem.min:,}{most}",
                f"    one is worth {redeem.yen:,} yen, in steps of {redeem.unit:,}, at least {redeem.min:,}{most}",
            )
        )
    if account.cooldown == "day":
        lines.append(say("    1日1回まで", "    once per business day"))
    elif account.cooldown != "none":
        hours = account.cooldown.removeprefix("hours:")
        lines.append(say(f"    前回から{hours}時間たてば次が付きます", f"    again after {hours} hours"))
    if card := account.card:
        labels = [(position, rule.label if (rule := program.coupon_rule(coupon)) else coupon) for position, coupon in card.rewards]
        rewards = say("、", ", ").join(say(f"{position}個で「{label}」", f'"{label}" at {position}') for position, label in labels)
        lines.append(say(f"    {card.size}個で1枚のカード: {rewards}", f"    a card of {card.size}: {rewards}"))
    if charge := account.charge:
        parts = [say(f"{charge.unit:,}円単位", f"in steps of {charge.unit:,} yen")]
        parts += [] if charge.min is None else [say(f"{charge.min:,}円から", f"from {charge.min:,}")]
        parts += [] if charge.max is None else [say(f"1回{charge.max:,}円まで", f"at most {charge.max:,} at once")]
        parts += [] if charge.max_balance is None else [say(f"残高{charge.max_balance:,}円まで", f"at most {charge.max_balance:,} in all")]
        lines.append(say("    チャージ: ", "    charging ") + say("、", ", ").join(parts))
    return lines


def _when(when: When, program: Program, say: Say) -> str:
    """The conditions, each a short phrase; empty where there is none."""
    either = say("か", " or ")
    parts = []
    if when.rank:
        labels = {tier.id: tier.label for tier in program.ranks.tiers} if program.ranks else {}
        parts.append(say("ランク", "rank ") + either.join(labels.get(rank, rank) for rank in when.rank))
    if when.flag:
        parts.append(say("会員区分", "member is marked ") + either.join(when.flag))
    if when.store:
        parts.append(say("店舗", "in store ") + either.join(when.store))
    if when.weekday:
        parts.append(_weekdays(when.weekday, say))
    if when.hours:
        start, end = (f"{minute // 60:02d}:{minute % 60:02d}" for minute in when.hours)
        parts.append(say(f"{start}から{end}まで", f"from {start} to {end}"))
    if when.dates:
        parts.append(say(f"{when.dates[0]}から{when.dates[1]}まで", f"from {when.dates[0]} to {when.dates[1]}"))
    if when.min_amount:
        parts.append(say(f"お会計{when.min_amount:,}円以上", f"from {when.min_amount:,} yen"))
    parts += [say("誕生月", "in the birthday month")] if when.birth_month else []
    parts += [say("初回", "on the first visit")] if when.first else []
    if when.category:
        parts.append(say("分類", "with an item of ") + either.join(when.category) + say("の商品あり", ""))
    if when.tender:
        parts.append(say("支払い", "paid by ") + either.join(when.tender))
    return say("・", ", ").join(parts)


def _weekdays(days: tuple[int, ...], say: Say) -> str:
    """The days in words; three or more in a row as a span."""
    row = sorted(set(days))
    if len(row) > 2 and row == list(range(row[0], row[-1] + 1)):
        return say(f"{_DAYS_JA[row[0]]}曜から{_DAYS_JA[row[-1]]}曜", f"{_DAYS_EN[row[0]]} to {_DAYS_EN[row[-1]]}")
    return say("・".join(_DAYS_JA[day] for day in row) + "曜", "on " + " or ".join(_DAYS_EN[day] for day in row))


def _condition(when: When, program: Program, say: Say) -> str:
    words = _when(when, program, say)
    return say(f"【{words}】", f"[{words}] ") if words else ""


def _name(account: str, program: Program, say: Say) -> str:
    found = program.account(account)
    return say(found.label if found else account, account)


def _earn(rule: Earn, program: Program, say: Say) -> str:
    name = _name(rule.account, program, say)
    where = "" if rule.lines is None else say("対象 ", "for ") + say("・", ", ").join(sorted(rule.lines)) + say(" の商品: ", ": ")
    match rule.formula:
        case "nothing":
            what = say(f"{name}は付きません", f"no {name}")
        case "amount":
            what = say(f"{rule.every:,}円ごとに{name} {rule.give:,}", f"{name}: {rule.give:,} for every full {rule.every:,} yen")
        case "rate":
            rounding = {
                "floor": say("切り捨て", "rounded down"),
                "ceil": say("切り上げ", "rounded up"),
                "half_up": say("四捨五入", "rounded to the nearest"),
            }[rule.round]
            what = say(f"金額の{show_rate(rule.rate)}の{name} ({rounding})", f"{name}: {show_rate(rule.rate)}, {rounding}")
        case "visit":
            what = say(f"ご来店1回で{name} {rule.visit:,}", f"{name}: {rule.visit:,} per visit")
        case "item":
            what = say(f"商品1点で{name} {rule.item:,}", f"{name}: {rule.item:,} per piece")
    by_line, by_piece = say("、明細ごとに計算", ", computed line by line"), say("、1点ごとに計算", ", computed piece by piece")
    per = {"receipt": "", "line": by_line, "unit": by_piece}[rule.per]
    charge = say("チャージで: ", "on a charge: ") if rule.on == "charge" else ""
    return f"{charge}{_condition(rule.when, program, say)}{where}{what}{per}  ({rule.id})"


def _boost(boost: Boost, program: Program, say: Say) -> str:
    name = _name(boost.account, program, say)
    if boost.times is not None:
        what = say(f"{name}が{show_times(boost.times)}倍", f"{name}: {show_times(boost.times)} times as many")
    else:
        what = say(f"{name} +{boost.add:,}", f"{name}: {boost.add:,} more")
    return f"{_condition(boost.when, program, say)}{what}  ({boost.id}{say('、組', ', group')} {boost.group})"


def benefit_words(benefit: Benefit, say: Say) -> str:
    """What a coupon is good for. ``say`` chooses between Japanese and English."""
    if benefit.off is not None:
        return say(f"{benefit.off:,}円引き", f"{benefit.off:,} yen off")
    if benefit.off_rate is not None:
        most = "" if benefit.max is None else say(f" (上限{benefit.max:,}円)", f" (at most {benefit.max:,} yen)")
        return say(f"{show_rate(benefit.off_rate)}引き{most}", f"{show_rate(benefit.off_rate)} off{most}")
    return say(f"{benefit.gift} 1点 ({benefit.value:,}円相当まで)", f"one {benefit.gift} (worth up to {benefit.value:,} yen)")


def _coupon(coupon: CouponRule, program: Program, say: Say) -> list[str]:
    what = benefit_words(coupon.benefit, say)
    issued = {
        "sale": say("お会計のとき", "with a sale"),
        "stamps": say("スタンプで", "by the stamp card"),
        "rank_up": say("ランクアップで", "with a new rank"),
        "welcome": say("入会で", "on joining"),
        "birthday": say("誕生日に", "for the birthday"),
        "survey": say("アンケートで", "for a survey"),
        "manual": say("店の判断で", "by hand"),
    }[coupon.issue]
    lines = [f"- {coupon.label}: {what}  ({coupon.id})"]
    given = _condition(coupon.when, program, say) + issued + say("、", ", ") + _valid(coupon.valid, say)
    lines.append("    " + say("発行: ", "issued ") + given)
    where = "" if coupon.lines is None else say("対象分類 ", "for ") + say("・", ", ").join(sorted(coupon.lines)) + say("、", ", ")
    reach = {
        "register": say("発行したレジだけ", "at the issuing register only"),
        "store": say("発行した店だけ", "in the issuing store only"),
        "brand": say("全店", "in every store of the brand"),
    }[coupon.reach]
    holder = say("お持ちの方どなたでも", "whoever holds it") if coupon.bearer else say("ご本人のみ", "the member only")
    use = _condition(coupon.use_when, program, say)
    once = say(f"1回限り、「{coupon.group}」の組で1枚まで", f"once, one of group {coupon.group} per sale")
    lines.append("    " + say("利用: ", "used ") + f"{use}{where}{reach}{say('、', ', ')}{holder}{say('、', ', ')}{once}")
    return lines


def _valid(valid: Valid, say: Say) -> str:
    if valid.until is not None:
        return say(f"{valid.until}まで", f"until {valid.until}")
    if valid.month_end:
        return say("その月の末日まで", "until the end of the month")
    if valid.expire is None:
        return say("期限なし", "without end")
    if valid.expire.days == 0:
        return say("当日限り", "for the same day")
    span = valid.expire
    months = say(f"{span.months}か月", f"{span.months} months")
    days = say(f"{span.days}日", f"{span.days} days")
    end = say(" (月末まで)", " (to month end)") if span.round == "month" else ""
    return say("発行から", "for ") + (days if span.months is None else months) + end


def _ranks(ranks: Ranks, say: Say) -> list[str]:
    window = ranks.window
    if window.yearly:
        span = say(f"毎年{window.yearly}からの1年", f"the year from {window.yearly}")
    elif window.months:
        span = say(f"今月より前の{window.months}か月", f"the {window.months} full months before this one")
    else:
        span = say("全期間", "all time")
    lines = [say(f"■ ランク (集計: {span}。お会計の前のランクを使います)", f"■ Ranks (counted over {span}; the rank before the sale applies)")]
    names = {"spend": say("お買上げ", "spend"), "points": say("ポイント", "points"), "visits": say("来店", "visits")}
    for tier in ranks.tiers:
        need = say("・", ", ").join(f"{names.get(key, key)} {least:,}" for key, least in tier.need) or say("条件なし", "no condition")
        lines.append(f"- {tier.label} ({tier.id}): {need}")
    return lines


def _limits(program: Program, say: Say) -> list[str]:
    lines = [say("■ 上限と期限", "■ Limits")]
    for name, most in program.caps:
        lines.append(say(f"- {_name(name, program, say)}: 1回のお会計で{most:,}まで", f"- {name}: at most {most:,} a sale"))
    days = program.limits.late_days
    late = say("当日だけ", "on the same day only") if days == 0 else say(f"{days}日後まで", f"up to {days} days later")
    lines.append(say(f"- 後からの付与: {late} (レシートが必要)", f"- points afterwards: {late}, with the receipt"))
    keep = program.limits.refund_days
    lines.append(say(f"- 返品の再計算: {keep}日まで", f"- returns are recomputed for {keep} days"))
    offline = program.offline
    points, yen = f"{offline.grant_points_per_sale:,}", f"{offline.grant_yen_per_sale:,}"
    none = offline.redeem_yen == 0
    pay = say("できません", "not possible") if none else say(f"{offline.redeem_yen:,}円まで", f"up to {offline.redeem_yen:,} yen")
    japanese = f"- 通信できないとき: 1回{points}ポイント・{yen}円のお会計まで付与、ポイント利用は{pay}"
    lines.append(say(japanese, f"- offline: grants up to {points} points, for sales up to {yen} yen; points as payment {pay}"))
    return lines
