"""Owns the OpenAPI document: the paths come from the table of routes, the schemas stand here. `config/cloud-openapi.json` is its checked-in
copy; a test compares them, and checks real answers against the schemas."""

from __future__ import annotations

import json
import re
from typing import Any

from offline_queue import wire
from posagent.cloud.routes import ROUTES, RouteRow

_PROBLEM_WORDS = {
    400: "not a batch, or not the body that is wanted here", 401: "the signature is missing or does not verify", 403: "not allowed",
    404: "not known here", 409: "gap or fork, or not possible now", 413: "too large", 415: "a coding that is not understood",
    422: "the bodies do not lead to Posagent-Last-Chain", 503: "overload, or no database now; Retry-After says when to come back",
}  # fmt: skip


def _object(required: str, optional: str = "", **properties: Any) -> dict[str, Any]:
    """An object; names without a schema of their own are text."""
    names = [*required.split(), *optional.split()]
    return {"type": "object", "required": required.split(), "properties": {name: properties.get(name, {"type": "string"}) for name in names}}


_INT: dict[str, Any] = {"type": "integer"}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_ANY_INT: dict[str, Any] = {"type": ["integer", "null"]}
_ANY_TEXT: dict[str, Any] = {"type": ["string", "null"]}
_AMOUNTS: dict[str, Any] = {"type": "object", "additionalProperties": _INT}


def _list(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


_CASE = _object(
    "case received_ms store register type member idem status problem body against against_body", received_ms=_INT, type=_ANY_TEXT,
    member=_ANY_TEXT, idem=_ANY_TEXT, problem=_ANY_TEXT, body=_ANY_TEXT, against=_ANY_TEXT, against_body=_ANY_TEXT,
)  # fmt: skip
_COUPON: dict[str, Any] = {
    "type": "object",
    "required": ["def", "coupon_id", "label", "member", "last_day", "reach", "state"],
    "properties": {
        **dict.fromkeys(("def", "coupon_id", "label", "member", "last_day"), _ANY_TEXT),
        "reach": {"enum": ["register", "store", "brand", None]},
        "state": {"enum": ["issued", "printed", "used", "void", "expired"]},
    },
}


SCHEMAS: dict[str, Any] = {
    "Batch": {
        "type": "array",
        "description": "CloudEvents 1.0 JSON batch, one event per line: '[\\n' + ',\\n'.join(events) + '\\n]'",
        "maxItems": wire.MAX_EVENTS,
        "items": _object(
            "specversion id source type time subject idemkey datacontenttype data", specversion={"const": "1.0"}, data={"type": "object"}
        ),
    },
    "Answer": _object(
        "acked chain items server_time next",
        acked=_COUNT,
        items=_list(
            _object(
                "seq status", "problem of", seq=_INT, status={"enum": ["duplicate", "conflict", "rejected", "withheld"]},
                of=_object("stream seq", seq=_INT),
            )
        ),
        next=_object("max_batch min_interval_ms", max_batch=_INT, min_interval_ms=_INT),
    ),
    "Problem": _object("type title status", "detail expected chain", status=_INT, expected=_INT),
    "Health": _object("", "pending oldest_age_s", pending=_COUNT, oldest_age_s=_COUNT),
    "Time": _object("server_time"),
    "Ask": _object(
        "id kind sale_id ttl_s", "member code_hash amount", kind={"enum": ["coupon", "points", "value", "charge"]}, member=_ANY_TEXT,
        code_hash=_ANY_TEXT, amount={"type": ["integer", "null"], "minimum": 1}, ttl_s={"type": "integer", "minimum": 30, "maximum": 900},
    ) | {"additionalProperties": False},
    "Authorisation": _object(
        "id state reason expires_at balances lots coupon",
        state={"enum": ["held", "refused", "committed", "released", "expired"]},
        reason={"enum": [None, "unknown", "used", "void", "expired", "not_yet", "reach", "other_member", "short", "limit", "held_elsewhere",
                         "blocked", "merged"]},
        balances=_AMOUNTS,
        lots={
            "type": "array", "description": "of prepaid value: [ACCOUNT/LOT, amount], in the order of spending; copy them into value.spent",
            "items": {"type": "array", "prefixItems": [{"type": "string"}, _INT], "minItems": 2, "maxItems": 2},
        },
        coupon={"oneOf": [{"type": "null"}, _COUPON]},
    ),
    "Coupon": {"allOf": [_COUPON, _object("code_hash reason", reason=_ANY_TEXT)]},
    "Code": _object("code"),
    "Credentials": _object(
        "device key company store register member_key file_keys others server_time",
        file_keys={"type": "object", "additionalProperties": {"type": "string"}},
        others=_list({"type": "string"}),
    ),
    "Stores": _object(
        "company registers",
        registers=_list(
            _object(
                "tenant brand store store_name register stream_id device_id acked last_seen_ms last_event_ms pending oldest_pending_ms streams"
                " holes open_cases revoked",
                device_id=_ANY_TEXT, acked=_COUNT, last_seen_ms=_INT, last_event_ms=_ANY_INT, pending=_ANY_INT, oldest_pending_ms=_ANY_INT,
                streams=_INT, holes=_INT, open_cases=_INT, revoked={"type": "boolean"},
            )
        ),
    ),
    "Store": _object("name", "store brand", brand=_ANY_TEXT),
    "Member": _object(
        "number token", "status rank birth_month flags otp_key keep_number", otp_key=_ANY_TEXT, keep_number={"type": "boolean"},
        status={"enum": ["active", "earn_only", "blocked"]}, rank=_ANY_TEXT,
        birth_month={"type": ["integer", "null"], "minimum": 1, "maximum": 12}, flags=_list({"type": "string"}),
    ),
    "MemberToken": _object("member"),
    "Ledger": _object(
        "member balances available lots holds coupons ledger",
        balances=_AMOUNTS,
        available=_AMOUNTS,
        lots=_list(_object("account lot left expires expired", left=_INT, expires=_ANY_TEXT, expired={"type": "boolean"})),
        holds=_list(
            _object(
                "id kind state amount code_hash sale_id store register created_ms expires_ms", amount=_INT, code_hash=_ANY_TEXT,
                created_ms=_INT, expires_ms=_INT,
            )
        ),
        coupons=_list(
            _object(
                "code_hash definition label state last_day reach store register used_sale", definition=_ANY_TEXT, label=_ANY_TEXT,
                last_day=_ANY_TEXT, reach=_ANY_TEXT, store=_ANY_TEXT, register=_ANY_TEXT, used_sale=_ANY_TEXT,
            )
        ),
        ledger=_list(
            _object(
                "case received_ms occurred store register type status entries problem decided", received_ms=_INT, occurred=_ANY_TEXT,
                type=_ANY_TEXT, entries=_AMOUNTS, problem=_ANY_TEXT, decided=_ANY_TEXT,
            )
        ),
    ),
    "Conflicts": _object("conflicts notes", conflicts=_list(_CASE), notes=_list(_CASE)),
    "Decision": _object("decision by", decision={"enum": ["apply", "dismiss", "note"]}),
    "TokenKeys": _object("keys", keys=_list({"type": "string", "pattern": "^[0-9a-f]{64}$"})),
    "By": _object("by"),
    "Freed": _object("id state"),
    "Decided": _object("case decision"),
    "Page": _object("", "after"),
    "Expired": _object("after booked", after=_ANY_TEXT, booked=_COUNT),
    "Place": _object("store register"),
    "NewCode": _object("code store register valid_hours", valid_hours=_INT),
    "Revoked": _object("device_id revoked", revoked={"type": "boolean"}),
    "ProgramVersion": _object("store version", version=_INT),
    "State": _object("status engine server_time"),
}  # fmt: skip

_BATCH_HEADERS = [
    (wire.FIRST_SEQ, True, "seq of the first event"),
    (wire.PREV_CHAIN, True, ":base64: of the link before it"),
    (wire.LAST_CHAIN, True, ":base64: of the link after the last event"),
    (wire.CONTENT_DIGEST, True, "sha-256=:base64: of the coded body (RFC 9530)"),
    (wire.WITHHELD, False, "seq;:digest:, … of events whose body stays at the register"),
    (wire.FLOOR, False, "seq;:link: before which the register holds nothing any more"),
    (wire.IDEMPOTENCY_KEY, False, "informational"),
]


def document() -> dict[str, Any]:
    """OpenAPI 3.1."""
    paths: dict[str, Any] = {}
    for row in ROUTES:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row)
    return {
        "openapi": "3.1.0",
        "info": {"title": "posagent receiver", "version": "1", "summary": "Journal in, programs and member snapshots out"},
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "device": {
                    "type": "apiKey", "in": "header", "name": "Signature",
                    "description": "HTTP message signature (RFC 9421) with HMAC-SHA256 over method, URI, content-digest and posagent-*",
                },
                "office": {"type": "http", "scheme": "bearer", "description": "The company's token; none is needed on this machine"},
            },
        },
    }  # fmt: skip


def text() -> str:
    """The document as it is checked in."""
    return json.dumps(document(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _operation(row: RouteRow) -> dict[str, Any]:
    parameters = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in re.findall(r"{(\w+)}", row.path)]
    if row.request == "Batch":
        parameters += [
            {"name": name, "in": "header", "required": needed, "description": words, "schema": {"type": "string"}}
            for name, needed, words in _BATCH_HEADERS
        ]
    responses: dict[str, Any] = {"200": {"description": "done"} | _content(row.answer)}
    for status in row.refusals:
        responses[str(status)] = {"description": _PROBLEM_WORDS[status]} | _content("Problem", wire.PROBLEM_TYPE)
    found: dict[str, Any] = {"summary": row.summary, "responses": responses}
    if parameters:
        found["parameters"] = parameters
    if row.request:
        media = wire.CONTENT_TYPE if row.request == "Batch" else "application/json"
        found["requestBody"] = {"required": True} | _content(row.request, media)
    if row.who != "anyone":
        found["security"] = [{row.who: []}]
    return found


def _content(name: str, media: str = "application/json") -> dict[str, Any]:
    if not name:
        return {}
    if "/" in name:
        return {"content": {name: {"schema": {"type": "string"}}}}
    return {"content": {media: {"schema": {"$ref": f"#/components/schemas/{name}"}}}}
