"""Owns `posagent cloud …`: serve the receiver, enrol a register, look after its database."""

from __future__ import annotations

import logging
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posagent.errors import AlreadyRunning, SettingsError

if TYPE_CHECKING:
    from posagent.cloud.embedded import Tls


def add_arguments(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    serve = actions.add_parser("serve", help="answer registers and head office until stopped")
    _database(serve)
    serve.add_argument("--listen", default="127.0.0.1:8940", metavar="HOST:PORT", help="default: %(default)s")
    serve.add_argument("--unsigned", action="store_true", help="take events from anybody (trials on this machine only)")
    serve.add_argument("--office-tokens", type=Path, metavar="FILE",
                       help="lines COMPANY=TOKEN: who may use head office's pages; without it only this machine may")  # fmt: skip
    serve.add_argument("--public-url", default="", metavar="URL", help="how registers see the receiver, where a proxy stands in front of it")
    serve.add_argument("--most-waiting", type=int, default=400, metavar="N", help="batches that may wait before 503 (default: %(default)s)")
    serve.add_argument("--tls-cert", metavar="FILE", help="PEM, with --tls-key; without them put a TLS proxy in front")
    serve.add_argument("--tls-key", metavar="FILE")
    serve.add_argument("--client-ca", metavar="FILE", help="registers must show a client certificate of this authority (PEM)")
    enrol = actions.add_parser("enrol", help="print a one-time code for a register")
    _database(enrol)
    enrol.add_argument("--company", required=True)
    enrol.add_argument("--store", required=True)
    enrol.add_argument("--register", required=True)
    _by_url(enrol)
    revoke = actions.add_parser("revoke", help="take a register's key away")
    _database(revoke)
    revoke.add_argument("--company", required=True)
    revoke.add_argument("device")
    publish = actions.add_parser("publish", help="hand a program file down to a store, or to every store")
    _database(publish)
    publish.add_argument("--company", required=True)
    publish.add_argument("--store", default="*", help="default: every store")
    publish.add_argument("program", type=Path)
    expire = actions.add_parser("expire", help="book what has expired of points, stamps and value; again changes nothing")
    _database(expire)
    expire.add_argument("--company", required=True)
    _by_url(expire)
    audit = actions.add_parser("audit", help="recount every balance and verify every chain; reads everything")
    _database(audit)
    backup = actions.add_parser("backup", help="write a whole copy of a SQLite database, also while the receiver runs")
    _database(backup)
    backup.add_argument("target", type=Path)
    actions.add_parser("openapi", help="print the OpenAPI document")


def _database(parser: ArgumentParser) -> None:
    parser.add_argument("--database", default="sqlite:///receiver.db", metavar="URL",
                        help="sqlite:///file.db or postgresql://… (default: %(default)s)")  # fmt: skip


def _by_url(parser: ArgumentParser) -> None:
    parser.add_argument("--url", metavar="URL", help="ask a running receiver instead of its database (needed while it runs on SQLite)")
    parser.add_argument("--token", default="", help="head office's token for --url")


def run(args: Namespace) -> int:
    match args.action:
        case "serve":
            return _serve(args)
        case "enrol":
            return _enrol(args)
        case "expire":
            return _expire(args)
        case "openapi":
            from posagent.cloud.openapi import text

            print(text(), end="")
            return 0
        case _:
            return _maintain(args)


def read_tokens(path: Path) -> dict[str, str]:
    """COMPANY=TOKEN, one per line, # begins a comment. Raises SettingsError."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as trouble:
        raise SettingsError(f"{path}: cannot be read ({trouble})") from trouble
    tokens: dict[str, str] = {}
    problems = []
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].strip()
        if not words:
            continue
        company, equals, token = (part.strip() for part in words.partition("="))
        if not (company and equals and len(token) >= 16 and token.isascii() and token.isprintable() and ";" not in token and " " not in token):
            problems.append(f"line {number}: write COMPANY=TOKEN with a token of at least 16 letters and digits")
        tokens[company] = token
    if problems or not tokens:
        raise SettingsError(f"{path}: holds no usable token" if not problems else f"{path}: cannot be used", problems)
    return tokens


def _serve(args: Namespace) -> int:
    from posagent.cloud.app import make_app
    from posagent.cloud.embedded import bind, serve
    from posagent.cloud.receiver import Settings

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    host, _, port = args.listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise SettingsError(f"--listen {args.listen}: write HOST:PORT, such as 127.0.0.1:8940")
    host = host.strip("[]")
    local = host in {"127.0.0.1", "localhost", "::1"}
    if args.unsigned and not local:
        raise SettingsError("--unsigned takes points from anybody; it is refused on an address that other machines reach")
    if args.unsigned and args.client_ca:
        raise SettingsError("--unsigned and --client-ca exclude each other: registers either show who they are, or need not")
    tls = _tls(args)
    if not local and tls is None and not args.public_url.startswith("https://"):
        what = "give --tls-cert and --tls-key, or the proxy's --public-url https://…"
        raise SettingsError(f"--listen {args.listen}: other machines reach this address; {what}")
    tokens = read_tokens(args.office_tokens) if args.office_tokens else {}
    certified = tls is not None and tls.client_ca is not None
    settings = Settings(not args.unsigned, tokens, args.most_waiting, certificates=certified, public_url=args.public_url)
    listener = bind(host, int(port))
    app = make_app(args.database, settings)
    scheme = "https" if tls else "http"
    print(f"receiver on {scheme}://{args.listen}  head office: {args.public_url or f'{scheme}://{args.listen}'}/office", flush=True)
    serve(app, listener, tls)
    return 0


def _tls(args: Namespace) -> Tls | None:
    """The three files as they were given, readable. Raises SettingsError."""
    import ssl

    from posagent.cloud.embedded import Tls

    if not (args.tls_cert or args.tls_key or args.client_ca):
        return None
    if not (args.tls_cert and args.tls_key):
        raise SettingsError("--tls-cert, --tls-key and --client-ca: the first two belong together, and the third needs them")
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args.tls_cert, args.tls_key)
        if args.client_ca:
            context.load_verify_locations(args.client_ca)
    except (OSError, ValueError) as trouble:  # ssl.SSLError is an OSError
        raise SettingsError(f"--tls-cert, --tls-key or --client-ca: {trouble}; give PEM files that belong together") from trouble
    return Tls(args.tls_cert, args.tls_key, args.client_ca)


def _enrol(args: Namespace) -> int:
    if args.url:
        return _enrol_by_url(args)
    from posagent.cloud import enrol
    from posagent.cloud.engine import open_engine
    from posagent.cloud.reading import NAME, Place

    place = Place(args.company, args.store, args.register)
    if not all(NAME.fullmatch(name) for name in (place.tenant, place.store, place.register)):
        raise SettingsError("company, store and register are names of letters, digits and ._@- (at most 64)")
    try:
        engine = open_engine(args.database)
    except AlreadyRunning as trouble:
        raise AlreadyRunning(f"{trouble}\nto ask the one that runs: posagent cloud enrol --url http://127.0.0.1:8940 …") from trouble
    try:
        now_ms = _now_ms()
        code = engine.write(lambda work: enrol.new_code(work, place, now_ms))
    finally:
        engine.close()
    _print_code(code, args)
    return 0


def _enrol_by_url(args: Namespace) -> int:
    _print_code(_asked(args, "enrolments", {"store": args.store, "register": args.register}, 201)["code"], args)
    return 0


def _asked(args: Namespace, what: str, body: dict[str, str], status: int) -> Any:
    """A running receiver's answer to head office. Raises CloudUnavailable."""
    import requests

    from posagent.errors import CloudUnavailable

    try:
        answer = requests.post(
            f"{args.url.rstrip('/')}/v1/{what}",
            params={"tenant": args.company},
            json=body,
            headers={"Authorization": f"Bearer {args.token}"} if args.token else {},
            timeout=30,
        )
    except requests.RequestException as trouble:
        raise CloudUnavailable(f"receiver {args.url}: no answer ({type(trouble).__name__}); is it running there?") from trouble
    if answer.status_code != status:
        raise CloudUnavailable(f"receiver {args.url}: {answer.status_code} {answer.text[:200]}")
    return answer.json()


def _expire(args: Namespace) -> int:
    from functools import partial

    from posagent.cloud.engine import open_engine
    from posagent.cloud.expire import expire_page

    after: str | None = ""
    total = 0
    engine = None if args.url else open_engine(args.database)
    try:
        while after is not None:
            if engine is None:
                answer = _asked(args, "expire", {"after": after}, 200)
                after, booked = answer["after"], answer["booked"]
            else:
                after, booked = engine.write(partial(expire_page, tenant=args.company, after=after, now_ms=_now_ms()))
            total += booked
    finally:
        if engine is not None:
            engine.close()
    print(f"{total} balances had expired and are booked")
    return 0


def _print_code(code: str, args: Namespace) -> None:
    print(code)
    print(f"for register {args.register} of store {args.store}; valid once, for 24 hours, 5 tries", file=sys.stderr)


def _maintain(args: Namespace) -> int:
    from posagent.cloud import enrol, office, publish
    from posagent.cloud.audit import audit
    from posagent.cloud.engine import open_engine

    text = _program_text(args.program) if args.action == "publish" else ""
    engine = open_engine(args.database, look=args.action in {"audit", "backup"})
    try:
        now_ms = _now_ms()
        match args.action:
            case "revoke":
                if not engine.write(lambda work: enrol.revoke(work, args.company, args.device, now_ms)):
                    known = engine.read(lambda work: [row.device_id for row in office.registers(work, args.company)])
                    raise SettingsError(f"{args.company} has no register key {args.device}; known: {', '.join(filter(None, known)) or 'none'}")
                print(f"{args.device} is refused from now on")
            case "publish":
                version = engine.write(lambda work: publish.publish_program(work, args.company, args.store, text, now_ms))
                print(f"version {version} is published for {'every store' if args.store == '*' else 'store ' + args.store}")
            case "backup":
                engine.backup(args.target)
                print(f"{args.target} is a whole copy")
            case _:
                report = engine.read(audit)
                print(f"{report.streams} streams, {report.events} events, {report.balances} balances")
                for line in report.problems:
                    print(line)
                return 1 if report.problems else 0
    finally:
        engine.close()
    return 0


def _program_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as trouble:
        raise SettingsError(f"{path}: cannot be read ({trouble})") from trouble


def _now_ms() -> int:
    from time import time

    return int(time() * 1000)
