"""Owns head office's requests: who may make them, and the JSON that tools use. People use `posagent.cloud.pages` on the same functions.

Without tokens only this machine may ask: the address of the peer and the Host header both say so (against DNS rebinding), and no proxy stands
in between (behind one everybody has its address). With tokens each company has its own; it sees and decides nothing of another company.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from hmac import compare_digest
from http.cookies import CookieError, SimpleCookie
from typing import Any, get_args
from urllib.parse import parse_qs, urlsplit

from starlette.responses import Response

from offline_queue.answers import Problem
from offline_queue.errors import WireError
from offline_queue.wire import FORBIDDEN, FRAMING, PROBLEMS
from posagent.cloud import authorise, enrol, office, publish, reception, timed
from posagent.cloud.account import Account, account
from posagent.cloud.engine import Work
from posagent.cloud.expire import expire_page
from posagent.cloud.ingest import Refusal
from posagent.cloud.reading import NAME, Place
from posagent.cloud.receiver import Receiver
from posagent.cloud.reception import Request
from posagent.errors import ProgramError

COOKIE = "posagent_office"
_LOCAL = {"127.0.0.1", "localhost", "::1", "[::1]"}
_PROXY_HEADERS = frozenset({"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"})
_NO_TEXT = re.compile(r"[\x00\ud800-\udfff]")
NOT_FOUND = PROBLEMS + "not-found"


def allowed(receiver: Receiver, request: Request, fields: Mapping[str, str]) -> str | None:
    """The company that the asker may see; "" for all (this machine, no tokens); None: nobody that we know."""
    tokens = receiver.settings.office_tokens
    if not tokens:
        host = re.sub(r":[0-9]{1,5}$", "", fields.get("host", ""))
        proxied = receiver.settings.public_url or not _PROXY_HEADERS.isdisjoint(fields)
        return "" if request.peer in _LOCAL and host in _LOCAL and not proxied else None
    shown = fields.get("authorization", "").removeprefix("Bearer ").strip() or _cookie(fields)
    for tenant, token in tokens.items():
        if token and compare_digest(shown.encode(), token.encode()):
            return tenant
    return None


def from_own_page(fields: Mapping[str, str]) -> bool:
    """Whether a change may come from a page: browsers say where a form stood; programs say nothing."""
    origin = fields.get("origin")
    return origin is None or _network_part(origin) == fields.get("host", "")


def _network_part(url: str) -> str:
    """HOST:PORT of an address; empty where it is none."""
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


def office_company(receiver: Receiver, request: Request) -> str:
    """The company that this request is about: the token's, or ``?tenant=``, or the only one there is. Raises Refusal."""
    fields = request_fields(request)
    company = allowed(receiver, request, fields)
    if company is None:
        raise Refusal(Problem(FORBIDDEN, "head office only: send Authorization: Bearer TOKEN, or ask from this machine", status=403))
    if request.method != "GET" and not from_own_page(fields):
        raise Refusal(Problem(FORBIDDEN, "this change came from another site's page", status=403))
    if company:
        return company
    asked = query(request).get("tenant")
    if asked:
        return asked
    known = receiver.engine.read(office.companies)
    return known[0] if known else ""


def request_fields(request: Request) -> dict[str, str]:
    """The request's headers. Raises Refusal."""
    try:
        return request.fields()
    except WireError as trouble:
        raise reception.refusal(trouble) from None


def query(request: Request) -> dict[str, str]:
    """The last value of every query parameter. Raises Refusal."""
    return parameters(request.target_uri.partition("?")[2])


def parameters(text: str) -> dict[str, str]:
    """The last value of every parameter of a query or a form. Raises Refusal."""
    try:
        found = {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True, max_num_fields=20).items()}
    except ValueError:
        raise Refusal(Problem(FRAMING, "at most 20 parameters are understood", status=400)) from None
    if not _storable(found):
        raise Refusal(Problem(FRAMING, "a parameter holds what is no text", status=400))
    return found


def json_body(request: Request) -> dict[str, Any]:
    """The body as one JSON object. Raises Refusal."""
    return json_object(request.payload)


def json_object(payload: bytes) -> dict[str, Any]:
    """Raises Refusal for what is none."""
    try:
        found = json.loads(payload)
        good = isinstance(found, dict) and _storable(found)
    except (ValueError, RecursionError):
        good = False
    if not good:
        raise Refusal(Problem(FRAMING, "the body is one JSON object, and its texts are text", status=400))
    return dict(found)


def _storable(value: object) -> bool:
    """Neither PostgreSQL nor a page can hold NUL or half of a surrogate pair."""
    if isinstance(value, str):
        return not _NO_TEXT.search(value)
    if isinstance(value, dict):
        return all(_storable(name) and _storable(one) for name, one in value.items())
    return all(_storable(one) for one in value) if isinstance(value, list) else True


def as_json(value: object, status: int = 200) -> Response:
    """An answer for tools."""
    return Response(json.dumps(value, ensure_ascii=False), status, media_type="application/json")


# ---------------------------------------------------------------- one function per route: (receiver, request, company, path) -> Response

Office = Callable[[Receiver, Request, str, Mapping[str, str]], Response]


def list_stores(receiver: Receiver, _request: Request, company: str, _path: Mapping[str, str]) -> Response:
    """GET /v1/stores."""
    return as_json({"company": company, "registers": office.rows_of(receiver.engine.read(lambda work: office.registers(work, company)))})


def put_store(receiver: Receiver, request: Request, company: str, path: Mapping[str, str]) -> Response:
    """PUT /v1/stores/{store}: its brand and name."""
    body = json_body(request)
    brand, name = body.get("brand"), body.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= 200 or not (brand is None or isinstance(brand, str)):
        raise Refusal(Problem(FRAMING, "a store has a name and, where wanted, a brand", status=400))

    def change(work: Work) -> None:
        if brand:
            work.run("INSERT INTO brand (tenant, brand, name) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", company, brand, brand)
        work.run(
            "INSERT INTO store (tenant, store, brand, name) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (tenant, store) DO UPDATE SET brand = excluded.brand, name = excluded.name",
            company, path["store"], brand, name,
        )  # fmt: skip

    receiver.engine.write(change)
    return as_json({"store": path["store"], "brand": brand, "name": name})


def show_member(receiver: Receiver, _request: Request, company: str, path: Mapping[str, str]) -> Response:
    """GET /v1/members/{token}: balances, what may be used of them, what is held, coupons, and the newest events."""
    balances, rows, known = read_member(receiver, company, path["token"])
    if not balances and not rows and not known.coupons:
        raise Refusal(Problem(NOT_FOUND, "nothing was ever recorded for this member", status=404))
    return as_json({"member": path["token"], "balances": balances, "ledger": office.rows_of(rows)} | asdict(known))


def read_member(receiver: Receiver, company: str, token: str) -> tuple[dict[str, int], list[office.LedgerRow], Account]:
    """Balances, newest events, and everything beside them; of one moment."""
    now_ms = receiver.now_ms()
    return receiver.engine.read(lambda work: (*office.ledger(work, company, token), account(work, company, token, now_ms)))


def free_hold(receiver: Receiver, request: Request, company: str, path: Mapping[str, str]) -> Response:
    """POST /v1/holds/{id}/release {"by": "…"}."""
    trouble = give_back(receiver, company, path["id"], json_body(request).get("by"))
    if trouble:
        raise Refusal(Problem(PROBLEMS + "not-decided", trouble, status=409))
    return as_json({"id": path["id"], "state": "released"})


def give_back(receiver: Receiver, company: str, hold_id: str, by: object) -> str:
    """See `posagent.cloud.authorise.free`; "" when done, else why not."""
    if not isinstance(by, str) or not 0 < len(by.strip()) <= 64 or not by.isprintable():
        return "say who decides"
    now_ms = receiver.now_ms()
    done = receiver.engine.write(lambda work: authorise.free(work, company, hold_id[:64], by.strip(), now_ms))
    return "" if done else "nothing is held under this id any more"


def add_member(receiver: Receiver, request: Request, company: str, _path: Mapping[str, str]) -> Response:
    """POST /v1/members."""
    body = json_body(request)
    trouble = receiver.engine.write(lambda work: office.register_member(work, company, body, request.now_ms))
    if trouble:
        raise Refusal(Problem(FRAMING, trouble, status=400))
    return as_json({"member": body["token"]}, 201)


def list_cases(receiver: Receiver, _request: Request, company: str, _path: Mapping[str, str]) -> Response:
    """GET /v1/conflicts."""
    found, noted = receiver.engine.read(lambda work: (office.cases(work, company), office.notes(work, company)))
    return as_json({"conflicts": office.rows_of(found), "notes": office.rows_of(noted)})


def decide(receiver: Receiver, request: Request, company: str, path: Mapping[str, str]) -> Response:
    """POST /v1/conflicts/{id}/decide {"decision": "apply" | "dismiss" | "note", "by": "…"}."""
    body = json_body(request)
    trouble = close_case(receiver, company, path["case"], body.get("decision"), body.get("by"))
    if trouble:
        raise Refusal(Problem(PROBLEMS + "not-decided", trouble, status=409))
    return as_json({"case": path["case"], "decision": body["decision"]})


def close_case(receiver: Receiver, company: str, case: str, decision: object, by: object) -> str:
    """See `posagent.cloud.office.decide`."""
    if not isinstance(by, str) or not 0 < len(by.strip()) <= 64 or not by.isprintable():
        return "say who decides"
    now = receiver.now_ms()
    known: office.Decision | None = next((one for one in get_args(office.Decision) if one == decision), None)
    if known is not None:
        return receiver.engine.write(lambda work: office.decide(work, company, case, known, by.strip(), now))
    return "the decision is apply, dismiss or note"


def new_code(receiver: Receiver, request: Request, company: str, _path: Mapping[str, str]) -> Response:
    """POST /v1/enrolments {"store", "register"}: a one-time code."""
    body = json_body(request)
    place = checked_place(company, body.get("store"), body.get("register"))
    code = receiver.engine.write(lambda work: enrol.new_code(work, place, request.now_ms))
    return as_json({"code": code, "store": place.store, "register": place.register, "valid_hours": enrol.VALID_MS // 3_600_000}, 201)


def checked_place(company: str, store: object, register: object) -> Place:
    """Raises Refusal unless all three are plain names."""
    names = (company, store, register)
    if not all(isinstance(name, str) and NAME.fullmatch(name) for name in names):
        raise Refusal(Problem(FRAMING, "company, store and register are names of letters, digits and ._@- (at most 64)", status=400))
    return Place(company, str(store), str(register))


def revoke(receiver: Receiver, request: Request, company: str, path: Mapping[str, str]) -> Response:
    """POST /v1/devices/{device}/revoke."""
    if not receiver.engine.write(lambda work: enrol.revoke(work, company, path["device"], request.now_ms)):
        raise Refusal(Problem(NOT_FOUND, "there is no such register", status=404))
    return as_json({"device_id": path["device"], "revoked": True})


def put_program(receiver: Receiver, request: Request, company: str, path: Mapping[str, str]) -> Response:
    """PUT /v1/programs/{store}: a program file (TOML) for one store, or for ``*``."""
    try:
        text = request.payload.decode("utf-8")
        version = receiver.engine.write(lambda work: publish.publish_program(work, company, path["store"], text, request.now_ms))
    except UnicodeDecodeError:
        raise Refusal(Problem(FRAMING, "a program file is UTF-8", status=400)) from None
    except ProgramError as trouble:
        raise Refusal(Problem(PROBLEMS + "program", str(trouble), status=409)) from None
    return as_json({"store": path["store"], "version": version}, 201)


def expire(receiver: Receiver, request: Request, company: str, _path: Mapping[str, str]) -> Response:
    """POST /v1/expire {"after": ""}: books what has expired of the next members; again with the answer's ``after`` until that is null."""
    after = json_body(request).get("after", "")
    if not isinstance(after, str) or len(after) > 200 or "\x00" in after:
        raise Refusal(Problem(FRAMING, "after is the text of the answer before, or nothing", status=400))
    last, booked = receiver.engine.write(lambda work: expire_page(work, company, after, request.now_ms))
    return as_json({"after": last, "booked": booked})


def put_token_keys(receiver: Receiver, request: Request, company: str, _path: Mapping[str, str]) -> Response:
    """PUT /v1/token-keys {"keys": […]}: the issuer's public keys for signed member codes, instead of those before."""
    keys = json_body(request).get("keys")
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise Refusal(Problem(FRAMING, "send {\"keys\": [\"64 hexadecimal digits\"]}", status=400))
    trouble = receiver.engine.write(lambda work: timed.set_token_keys(work, company, keys))
    if trouble:
        raise Refusal(Problem(FRAMING, trouble, status=400))
    return as_json({"keys": keys})


def _cookie(fields: Mapping[str, str]) -> str:
    try:
        found = SimpleCookie(fields.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""
