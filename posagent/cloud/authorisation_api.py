"""Owns what registers ask while a customer waits: hold, commit, release, and what a coupon is worth. Untrusted JSON in, JSON out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, get_args

from starlette.responses import Response

from offline_queue.answers import Problem
from offline_queue.errors import WireError
from offline_queue.wire import FRAMING, PROBLEM_TYPE, PROBLEMS, TOO_LARGE
from posagent.cloud import authorise, office, office_api, reception
from posagent.cloud.authorise import Ask, Held
from posagent.cloud.engine import Work
from posagent.cloud.ingest import Refusal, Sender
from posagent.cloud.reading import NOWHERE, Place
from posagent.cloud.receiver import Receiver
from posagent.cloud.reception import Request
from posagent.loyalty.numbers import MAX_AMOUNT

MAX_BYTES = 8_192
LEAST_S, MOST_S = 30, 900
STATE_PROBLEM = PROBLEMS + "authorisation-state"  # 409 with the authorisation as it stands beside the problem's fields
OTHER_REQUEST = PROBLEMS + "authorisation-differs"  # 409: the id stands with another request
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_HASH = re.compile(r"[0-9a-f]{32,64}")
_FIELDS = frozenset({"id", "kind", "member", "code_hash", "amount", "sale_id", "ttl_s"})


def hold(receiver: Receiver, request: Request, _path: Mapping[str, str]) -> Response:
    """POST /v1/authorisations."""
    sender, body = _signed_json(receiver, request)
    ask = read_ask(body)

    def work_on(work: Work) -> dict[str, Any] | None:
        here = _place(work, sender)
        held = authorise.place(work, here, sender.device_id, ask, request.now_ms)
        return None if held is None else authorise.answer(work, here, held, request.now_ms)

    found = receiver.engine.write(work_on)
    if found is None:
        raise Refusal(Problem(OTHER_REQUEST, f"authorisation {ask.id} stands with another request; mint a new id", status=409))
    receiver.count(f"authorisation_{found['state']}")
    return office_api.as_json(found)


def commit(receiver: Receiver, request: Request, path: Mapping[str, str]) -> Response:
    """POST /v1/authorisations/{id}/commit."""
    return _finish(receiver, request, path["id"], lambda work, here, held_id: authorise.commit(work, here, held_id, request.now_ms))


def release(receiver: Receiver, request: Request, path: Mapping[str, str]) -> Response:
    """POST /v1/authorisations/{id}/release."""
    return _finish(receiver, request, path["id"], authorise.release)


def _finish(receiver: Receiver, request: Request, held_id: str, step: Callable[[Work, Place, str], tuple[Held, bool] | None]) -> Response:
    sender, body = _signed_json(receiver, request)
    if body:
        raise Refusal(Problem(FRAMING, "this request carries no fields", status=400))

    def work_on(work: Work) -> tuple[dict[str, Any], bool] | None:
        here = _place(work, sender)
        found = step(work, here, held_id) if _UUID.fullmatch(held_id) else None
        return None if found is None else (authorise.answer(work, here, found[0], request.now_ms), found[1])

    found = receiver.engine.write(work_on)
    if found is None:
        raise Refusal(Problem(office_api.NOT_FOUND, "head office knows no authorisation of that id", status=404))
    answer, done = found
    if done:
        return office_api.as_json(answer)
    title = f"this authorisation is {answer['state']}; ask for a new one, or go on as it stands"
    response = office_api.as_json({"type": STATE_PROBLEM, "title": title, "status": 409} | answer, 409)
    response.headers["content-type"] = PROBLEM_TYPE
    return response


def coupon(receiver: Receiver, request: Request, path: Mapping[str, str]) -> Response:
    """GET /v1/coupons/{code_hash}: how it stands; nothing is held."""
    _, sender = receiver.sender(request)

    def look(work: Work) -> dict[str, Any] | None:
        found = authorise.usable_here(work, _place(work, sender), path["code_hash"], request.now_ms)
        return None if found is None else {"code_hash": path["code_hash"]} | found[2] | {"reason": found[1]}

    answer = receiver.engine.read(look) if _HASH.fullmatch(path["code_hash"]) else None
    if answer is None:
        raise Refusal(Problem(office_api.NOT_FOUND, "head office knows no coupon of that code", status=404))
    return office_api.as_json(answer)


def read_ask(body: Mapping[str, Any]) -> Ask:
    """Raises Refusal for a field that is missing, unknown or out of its bounds."""
    unknown = sorted(set(body) - _FIELDS)
    if unknown:
        raise _wrong(f"{unknown[0][:40]!r} is not known; known: {', '.join(sorted(_FIELDS))}")
    said = {name: body.get(name) for name in _FIELDS}
    kind: authorise.Kind | None = next((one for one in get_args(authorise.Kind) if one == said["kind"]), None)
    coupon_kind = kind == "coupon"
    if not isinstance(said["id"], str) or not _UUID.fullmatch(said["id"]):
        raise _wrong("id is a UUID in lower case")
    if kind is None:
        raise _wrong(f"kind is one of {', '.join(get_args(authorise.Kind))}")
    if not _text_or_none(said["member"]) or (said["member"] is None and not coupon_kind):
        raise _wrong("member is a token; only a coupon may go without")
    if coupon_kind != (isinstance(said["code_hash"], str) and _HASH.fullmatch(said["code_hash"]) is not None) or (
        not coupon_kind and said["code_hash"] is not None
    ):
        raise _wrong("code_hash belongs to a coupon and is 32 to 64 hexadecimal digits in lower case")
    amount = said["amount"] or 0 if said["amount"] is not False else None
    if type(amount) is not int or not (amount == 0 if coupon_kind else 0 < amount <= MAX_AMOUNT):
        raise _wrong(f"amount is a whole number from 1 to {MAX_AMOUNT}; a coupon has none")
    if said["sale_id"] is None or not _text_or_none(said["sale_id"]):
        raise _wrong("sale_id is text of 1 to 200 characters")
    if type(said["ttl_s"]) is not int or not LEAST_S <= said["ttl_s"] <= MOST_S:
        raise _wrong(f"ttl_s is a whole number from {LEAST_S} to {MOST_S}")
    return Ask(said["id"], kind, said["member"], said["code_hash"], amount, said["sale_id"], said["ttl_s"])


def _text_or_none(value: object) -> bool:
    return value is None or (isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable())


def _wrong(what: str) -> Refusal:
    return Refusal(Problem(FRAMING, what, status=400))


def _signed_json(receiver: Receiver, request: Request) -> tuple[Sender, dict[str, Any]]:
    """Who asks, and the JSON object of the request; an empty body is an empty object. Raises Refusal."""
    fields, sender = receiver.sender(request)
    try:
        body = reception.plain_body(request, fields)
    except WireError as trouble:
        raise reception.refusal(trouble) from None
    if len(body) > MAX_BYTES:
        raise Refusal(Problem(TOO_LARGE, f"the body has more than {MAX_BYTES} bytes", status=413))
    return sender, office_api.json_object(body) if body else {}


def _place(work: Work, sender: Sender) -> Place:
    """Where the register is enrolled. Where registers need no key nobody knows which one asks: the only company, and no place in it."""
    return sender.home or Place((office.companies(work) or [NOWHERE.tenant])[0], "", "")
