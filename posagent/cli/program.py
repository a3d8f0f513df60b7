"""Owns `posagent program`: check, explain, try, show and replay the loyalty rules, without an agent and without a network."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from dataclasses import replace
from pathlib import Path
from typing import cast

from posagent.errors import PosagentError, ProgramError
from posagent.loyalty.lint import Finding, lint
from posagent.loyalty.model import Member, Quote, Register, SaleRejected
from posagent.loyalty.numbers import show_rate
from posagent.loyalty.program import MAX_BYTES, read_program
from posagent.loyalty.records import member_from, plain, register_from, sale_from, to_json
from posagent.loyalty.replay import Replay
from posagent.loyalty.rules import Program

LARGEST_INPUT = 10_000_000

_EXAMPLES = """\
examples:
  posagent program check config/program.example.toml --against last-year.toml
  posagent program explain config/program.example.toml --lang en
  posagent program show config/program.example.toml

  echo '{"sale_id": "1", "at": "2026-06-02T15:00:00+09:00", "total": 2500}' | posagent program try config/program.example.toml --sale -
  posagent program replay config/program.example.toml --sales june.csv --html june.html

a sale:    {"sale_id", "at", "total"} or {"sale_id", "at", "lines": [{"amount", "category", "tax", "qty"}], "reductions": [{"kind", "amount"}],
           "codes": ["C…"], "tender": ["cash"]}
a member:  {"token", "rank", "birth_month", "flags": [], "balances": {"points": 120}, "coupons": [{"code", "definition", "last_day"}]}
a register: {"company", "brand", "store", "register", "tax_rounding": "floor" | "half_up" | "ceil"}
"""

_REPLAY = """\
The CSV file (UTF-8, with a header line) has one row per line of a sale; rows of one sale stand together, sales in the order of time:

  sale_id,at,amount,member,rank,category,tax,qty,birth_month,first,flags,tender
  s1-1,2026-06-01T12:03:00+09:00,1200,m17,gold,drink,800,2,,,,cash

  sale_id, at, amount   are needed: at with its offset, amount in yen with tax
  member                token; empty: a sale without a member, which earns nothing
  rank, birth_month, first (1), flags (a|b)    what was known of the member
  category, tax (1000, 800, 0), qty, tender    as in a sale

The cost is what all points and coupons would cost if every one were used.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the sub-commands."""
    parser.description = "Checks, explains, tries and replays a program file: the loyalty rules of a store."
    parser.epilog = _EXAMPLES + "\nexit codes: 0 ok   1 errors in the rules, or a refused sale   4 warnings only   78 the file cannot be read"
    commands = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def command(name: str, line: str, description: str = "") -> ArgumentParser:
        made = commands.add_parser(name, help=line, description=description or line, formatter_class=RawDescriptionHelpFormatter)
        made.add_argument("file", metavar="F", help="the program file (TOML)")
        return made

    check = command("check", "errors and warnings, those of the law included")
    check.add_argument("--against", metavar="OLD", help="the version before: finds dropped accounts, shorter expiry, overlapping dates")
    check.add_argument("--json", action="store_true", help="one JSON object with all findings")
    explain = command("explain", "the rules in the words of a store manager")
    explain.add_argument("--lang", choices=("ja", "en"), default="ja")
    trial = command("try", "what one sale would give", _EXAMPLES)
    trial.add_argument("--sale", required=True, metavar="S", help="JSON file, or - for standard input")
    trial.add_argument("--member", metavar="M", help="JSON file; without it, a new member without rank")
    trial.add_argument("--register", metavar="R", help="JSON file; without it, a register that rounds tax down")
    trial.add_argument("--lang", choices=("ja", "en"), default="ja")
    trial.add_argument("--json", action="store_true", help="the quote as the event keeps it")
    show = command("show", "version, dates, scope and approvals")
    show.add_argument("--json", action="store_true", help="one JSON object")
    rerun = command("replay", "what past sales would have cost, per day and per rule", _REPLAY)
    rerun.add_argument("--sales", required=True, metavar="FILE.csv", help="past sales, or - for standard input")
    rerun.add_argument("--register", metavar="R", help="JSON file; without it, a register that rounds tax down")
    rerun.add_argument("--lang", choices=("ja", "en"), default="ja")
    rerun.add_argument("--json", action="store_true", help="one JSON object")
    rerun.add_argument("--html", metavar="OUT", help="writes a page with a chart that needs no network")


def run(args: Namespace) -> int:
    """Does it; exit codes as in `add_arguments`."""
    if args.action == "check":
        return _check(args)
    program = load_program(args.file)
    match args.action:
        case "explain":
            from posagent.loyalty.describe import describe

            print("\n".join(describe(program, args.lang)))
            return 0
        case "try":
            return _try(program, args)
        case "show":
            return _show(program, args)
        case _:
            return _replay(program, args)


def read_text(name: str, what: str, largest: int) -> str:
    """A bounded text file, or standard input for "-". Raises PosagentError that names the file and the remedy."""
    try:
        raw = sys.stdin.buffer.read(largest + 1) if name == "-" else _read_file(Path(name), largest)
    except OSError as wrong:
        raise ProgramError(f"{what} {name}: {wrong.strerror or wrong}; give a file that can be read") from wrong
    if len(raw) > largest:
        raise ProgramError(f"{what} {name}: larger than {largest:,} bytes; this cannot be {what}")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise ProgramError(f"{what} {name}: not UTF-8 at byte {wrong.start}; save it as UTF-8") from wrong


def _read_file(path: Path, largest: int) -> bytes:
    with path.open("rb") as file:
        return file.read(largest + 1)


def load_program(name: str) -> Program:
    """The program of a file. Raises ProgramError with every problem."""
    program, problems = read_program(read_text(name, "program file", MAX_BYTES))
    if problems:
        many = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise ProgramError(f"{name}: {many} in the program file", [f"  {problem}" for problem in problems])
    return program


def _check(args: Namespace) -> int:
    program, problems = read_program(read_text(args.file, "program file", MAX_BYTES))
    previous = load_program(args.against) if args.against else None
    found = [] if problems else lint(program, previous)
    if args.json:
        listed = [{"level": "E", "code": "read", **_plain(problem)} for problem in problems] + [_plain(finding) for finding in found]
        print(json.dumps({"file": args.file, "program": program.reference if not problems else None, "findings": listed}, ensure_ascii=False))
    else:
        _print_findings(args.file, program, [f"E {problem} [read]" for problem in problems], found)
    if problems:
        return ProgramError.exit_code
    levels = {finding.level for finding in found}
    return 1 if "E" in levels else 4 if "W" in levels else 0


def _plain(record: object) -> dict[str, object]:
    return cast("dict[str, object]", plain(record))


def _print_findings(name: str, program: Program, problems: list[str], found: list[Finding]) -> None:
    for line in [*problems, *map(str, found)]:
        print(line)
    if problems:
        print(f"{name}: cannot be read; {len(problems)} to mend first")
        return
    counts = {level: sum(finding.level == level for finding in found) for level in "EWN"}
    print(f"{name}: {program.reference}: {counts['E']} errors, {counts['W']} warnings, {counts['N']} notes")


def _json_file(name: str, what: str) -> object:
    try:
        return json.loads(read_text(name, what, LARGEST_INPUT))
    except (json.JSONDecodeError, RecursionError) as wrong:
        raise PosagentError(f"{what} {name}: not JSON ({wrong}); see posagent program try --help for its form", code="E601") from wrong


def _register(args: Namespace, program: Program) -> Register:
    if not args.register:
        return Register(program.scope.company, program.scope.brand)
    return register_from(_json_file(args.register, "a register"))


def _try(program: Program, args: Namespace) -> int:
    from posagent.loyalty.quote import quote
    from posagent.loyalty.words import explain

    try:
        sale = sale_from(_json_file(args.sale, "a sale"))
        member = member_from(_json_file(args.member, "a member")) if args.member else Member("trial")
        quoted = quote(program, _register(args, program), sale, member)
    except SaleRejected as refused:
        raise PosagentError(f"the sale is refused: {refused}", code="E601") from refused
    print(to_json(quoted) if args.json else "\n".join(_trial(quoted, explain(quoted, program, args.lang), args.lang)))
    return 0


def _trial(quoted: Quote, steps: list[str], language: str) -> list[str]:
    ja = language == "ja"
    taken = sum(allocation.amount for allocation in quoted.allocations)
    head = f"{quoted.program}  {quoted.business_date}  "
    head += f"お会計 {quoted.payable + taken:,}円" if ja else f"sale of {quoted.payable + taken:,} yen"
    lines = [head, *[f"  {step}" for step in steps]]
    for allocation in quoted.allocations:
        rates = ", ".join(f"{tax // 100}%: {share:,}" for tax, share in allocation.by_tax)
        lines.append(f"  税率ごとの内訳 ({allocation.kind}): {rates}" if ja else f"  split by tax rate ({allocation.kind}): {rates}")
    lines.append(f"  お支払い {quoted.payable:,}円" if ja else f"  to pay: {quoted.payable:,} yen")
    return lines


def _show(program: Program, args: Namespace) -> int:
    from posagent.loyalty.validity import approval_problem

    problem = approval_problem(program)
    if args.json:
        made = {key: _plain(program)[key] for key in ("id", "version", "name", "first_day", "last_day", "approvals_required")}
        made |= {"scope": plain(program.scope), "approvals": plain(program.approvals), "problem": problem}
        print(json.dumps(made, ensure_ascii=False))
        return 0
    scope = program.scope
    print(f"{program.reference}  {program.name}")
    print(f"valid     {program.first_day or '…'} to {program.last_day or '…'} (business dates, both inclusive)")
    print(f"scope     company {scope.company or '-'}, brand {scope.brand or '-'}, stores {', '.join(scope.stores)}")
    print(f"rules     {len(program.earn)} earn, {len(program.boost)} boost, {len(program.coupon)} coupon; {len(program.accounts)} accounts")
    print(f"approvals {program.approvals_required} needed" + ("" if program.approvals else ", none in the file"))
    for approval in sorted(program.approvals, key=lambda each: (each.level, each.at)):
        comment = f"  「{approval.comment}」" if approval.comment else ""
        print(f"  level {approval.level}  {approval.decision:<8}  {approval.by}  {approval.at.isoformat()}{comment}")
    print(f"status    this version {problem}" if problem else "status    approved")
    return 0


def _replay(program: Program, args: Namespace) -> int:
    from posagent.cli.program_sales import replay_csv
    from posagent.loyalty.replay_page import page

    done = replay_csv(program, _register(args, program), args.sales)
    if args.html:
        try:
            Path(args.html).write_text(page(done, args.lang), encoding="utf-8")
        except OSError as wrong:
            raise PosagentError(f"cannot write {args.html}: {wrong.strerror}; give another place with --html") from wrong
    if args.json:
        extra = {"sales": done.sales, "yen": done.yen, "cost_yen": done.cost_yen, "cost_bp": done.cost_bp}
        print(json.dumps({**_plain(replace(done, rules={})), **extra, "rules": plain(list(done.rules.values()))}, ensure_ascii=False))
    else:
        _print_replay(done)
        if args.html:
            print(f"chart: {args.html}")
    return 1 if done.rejected else 0


def _print_replay(done: Replay) -> None:
    print(f"{done.program}: {done.sales:,} sales of {done.yen:,} yen would have cost {done.cost_yen:,} yen ({show_rate(done.cost_bp)})")
    print(f"\n{'day':<12}{'sales':>10}{'members':>10}{'yen':>16}{'cost':>14}")
    for name, day in sorted(done.days.items()):
        print(f"{name:<12}{day.sales:>10,}{day.with_member:>10,}{day.yen:>16,}{day.cost_yen:>14,}")
    print(f"\n{'rule':<28}{'kind':<8}{'account':<12}{'times':>10}{'amount':>14}{'cost':>14}")
    for rule in sorted(done.rules.values(), key=lambda each: (-each.cost_yen, each.kind, each.id)):
        print(f"{rule.id:<28}{rule.kind:<8}{rule.account:<12}{rule.times:>10,}{rule.amount:>14,}{rule.cost_yen:>14,}")
    if done.rejected:
        print(f"\n{done.rejected:,} rows or sales could not be computed; the first:")
        for line in done.rejections:
            print(f"  {line}")
