"""Owns the OpenAPI 3.1 document of /v1, made from the schemas that the server enforces. ``python -m posagent.screen.openapi`` writes it."""

from __future__ import annotations

import json
import sys
from typing import Any

from posagent.screen.access_schemas import ACCESS
from posagent.screen.counter_schemas import COUNTER, OPEN_CHECKOUT
from posagent.screen.manager_schemas import MANAGER
from posagent.screen.problems import MEDIA_TYPE
from posagent.screen.schemas import DEVICE_TEST, LEARN, PRINT_ANSWER, REPORT, SALE, SCAN, TEACH_MODE, TEST_MODE, USE_PROFILE, VOID, Schema

_TEXT: Schema = {"type": "string"}
_MAYBE_TEXT: Schema = {"type": ["string", "null"]}
_WORDS: Schema = {"type": "object", "required": ["title", "todo"], "properties": {"title": _TEXT, "todo": _TEXT}}
_MESSAGE: Schema = {
    "type": ["object", "null"],
    "description": "a four-character code in both languages: what is wrong and what to do",
    "required": ["code", "ja", "en"],
    "properties": {"code": {"type": "string", "pattern": "^E[1-9][0-9]{2}$"}, "ja": _WORDS, "en": _WORDS},
}
PROBLEM: Schema = {
    "type": "object",
    "description": "RFC 9457, with our code and both languages' words",
    "required": ["type", "title", "status", "detail", "code", "ja", "en"],
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "code": {"type": "string", "pattern": "^E[1-9][0-9]{2}$"},
        "ja": _WORDS,
        "en": _WORDS,
    },
}
ANSWER: Schema = {
    "type": "object",
    "required": ["state"],
    "properties": {
        "state": {
            "type": "string",
            "enum": ["done", "waiting", "accepted_offline"],
            "description": "done: durable; waiting: for its other half (scan, amount, payment); "
            "accepted_offline: head office learns of it later",
        },
        "sale_id": _TEXT,
        "accepted_offline": {"type": "boolean"},
    },
}
_COUNTS: Schema = {"type": "object", "additionalProperties": {"type": "integer"}}
_SECTIONS: Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["title", "rows"],
        "properties": {"title": _TEXT, "rows": {"type": "array", "items": {"type": "array", "items": _TEXT}}},
    },
}
REPORT_ANSWER: Schema = {
    "type": "object",
    "required": [
        "state", "result", "replayed", "business_date", "at", "first_seq", "last_seq", "chain", "unsynced", "rejected", "totals", "sections",
    ],
    "properties": {
        "state": {"type": "string", "enum": ["done"]},
        "result": {"type": "string", "enum": ["checked", "closed"]},
        "replayed": {"type": "boolean", "description": "it stood already: nothing was recorded or printed now"},
        "business_date": _TEXT,
        "at": _TEXT,
        "operator": _TEXT,
        "first_seq": {"type": "integer"},
        "last_seq": {"type": "integer", "description": "the journal's last number when the report was taken"},
        "chain": {"type": "string", "description": "the link of that number, in hexadecimal"},
        "unsynced": {"type": "integer"},
        "rejected": {"type": "integer"},
        "totals": {
            "type": "object",
            "required": ["sales", "charges", "accounts", "coupons", "operators"],
            "properties": {
                "sales": _COUNTS,
                "charges": {"type": "integer"},
                "accounts": {"type": "object", "additionalProperties": {"type": "object"}},
                "coupons": _COUNTS,
                "operators": {"type": "object", "additionalProperties": _COUNTS},
            },
        },
        "sections": {"type": "object", "properties": {"ja": _SECTIONS, "en": _SECTIONS}, "description": "the figures with their words"},
        "remark": {"type": "object", "properties": {"ja": _TEXT, "en": _TEXT}},
        "closed": {"type": "object", "description": "where an x looks at a date that is closed: when, and its number"},
        "serial": _MAYBE_TEXT,
        "job": _MAYBE_TEXT,
    },
}
_QUESTION: Schema = {"type": "object", "required": ["job"], "properties": {"job": _TEXT, "member": _MAYBE_TEXT, "at": _TEXT}}
_REFUND_RUNG_UP: Schema = {
    "type": "object",
    "description": "a refund of the till's that waits for a manager: POST /v1/refunds or /v1/voids confirms it",
    "required": ["id", "amount", "sale_id", "remaining_total", "total"],
    "properties": {
        **{name: {"type": "integer"} for name in ("amount", "remaining_total", "total", "points")},
        **dict.fromkeys(("id", "sale_id", "sold_at"), _TEXT), **dict.fromkeys(("member", "receipt_no"), _MAYBE_TEXT),
    },
}  # fmt: skip
_UPOS: Schema = {
    "type": ["object", "null"],
    "required": ["name", "number"],
    "properties": {"name": _TEXT, "number": {"type": "integer"}},
}
STATUS: Schema = {
    "type": "object",
    "required": ["level", "devices", "queue", "open", "questions", "refunds", "message", "language", "register_name", "store_name", "last_seq"],
    "properties": {
        "level": {"type": "string", "enum": ["ok", "offline", "action"]},
        "code": _MAYBE_TEXT,
        "message": _MESSAGE,
        "devices": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "kind", "driver", "state", "as_of", "stale", "message"],
                "properties": {
                    "name": _TEXT,
                    "kind": {"type": "string", "enum": ["scanner", "printer", "display", "drawer", "sale_door"]},
                    "driver": _TEXT,
                    "state": {"type": "string", "enum": ["ready", "held", "gone", "opening", "unknown"]},
                    "as_of": {"type": ["integer", "null"], "description": "seconds since the last success"},
                    "stale": {"type": "boolean"},
                    "message": _MESSAGE,
                    "upos": {
                        "type": "object",
                        "description": "the same in the words and numbers of UnifiedPOS; null: unknown, or nothing to say",
                        "required": ["state", "power", "error", "status"],
                        "properties": dict.fromkeys(("state", "power", "error", "status"), _UPOS),
                    },
                },
            },
        },
        "queue": {
            "type": "object",
            "required": ["pending", "oldest_s", "link"],
            "properties": {
                "pending": {"type": "integer"},
                "oldest_s": {"type": ["integer", "null"]},
                "link": {"type": "string", "enum": ["online", "offline", "unknown"]},
            },
        },
        "open": OPEN_CHECKOUT,
        "questions": {"type": "array", "items": _QUESTION},
        "refunds": {"type": "array", "items": _REFUND_RUNG_UP},
        "shift_start_seq": {"type": "integer"},
        "last_seq": {"type": "integer"},
        "language": {"type": "string", "enum": ["ja", "en"]},
        "register_name": _TEXT,
        "store_name": _TEXT,
    },
}  # fmt: skip
_MAYBE_NUMBER: Schema = {"type": ["integer", "null"]}
_MAYBE_OBJECT: Schema = {"type": ["object", "null"]}
ROOM: Schema = {
    "type": "object",
    "required": ["devices", "test_mode", "journal", "cloud", "agent", "language", "register_name", "store_name"],
    "properties": {
        "devices": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "kind", "driver", "state", "message", "as_of", "beat", "stale", "camera", "scanner", "printer"],
                "properties": {
                    "name": _TEXT,
                    "kind": {"type": "string", "enum": ["scanner", "printer", "display", "drawer", "sale_door"]},
                    "driver": _TEXT,
                    "state": {"type": "string", "enum": ["ready", "held", "gone", "opening", "unknown"]},
                    "message": _MESSAGE,
                    "detail": {"type": "string", "description": "English, for technicians"},
                    "as_of": {**_MAYBE_NUMBER, "description": "seconds since the last success, or since trouble was noticed"},
                    "beat": {**_MAYBE_NUMBER, "description": "seconds since the loop's last sign of life"},
                    "stale": {"type": "boolean"},
                    "camera": {"type": "boolean"},
                    "scanner": {
                        **_MAYBE_OBJECT,
                        "required": ["good", "damaged", "damaged_at", "why", "scan"],
                        "properties": {
                            "good": {"type": "integer"},
                            "damaged": {"type": "integer"},
                            "scan": {**_MAYBE_OBJECT, "description": "the last one in test mode, masked, with what the rules make of it"},
                        },
                    },
                    "printer": {
                        **_MAYBE_OBJECT,
                        "required": ["says", "capabilities", "waits_for", "jobs"],
                        "properties": {
                            "says": {**_MAYBE_OBJECT, "description": "null in a field: the printer does not say"},
                            "capabilities": _MAYBE_OBJECT,
                            "waits_for": _TEXT,
                            "jobs": {"type": "array", "items": {"type": "object", "required": ["job", "serial", "copy", "state", "certainty"]}},
                        },
                    },
                    "door": {
                        **_MAYBE_OBJECT,
                        "required": ["profile", "chosen", "profiles", "trust", "teaching_s", "captured"],
                        "properties": {
                            "profile": {"type": "string", "description": "its name; empty: none"},
                            "chosen": {"type": "string", "description": "the profile chosen here; empty: it reads as the settings say"},
                            "profiles": {"type": "array", "items": _TEXT, "description": "what could be chosen"},
                            "trust": {**_MAYBE_OBJECT, "required": ["confirmed", "needed"], "description": "null: a technician vouches for it"},
                            "teaching_s": {"type": "integer"},
                            "captured": {"type": "array", "items": {"type": "object", "required": ["number", "at", "lines", "kind", "total"]}},
                        },
                    },
                },
            },
        },
        "test_mode": {
            "type": "object",
            "required": ["on", "left_s"],
            "properties": {"on": {"type": "boolean"}, "left_s": {"type": "integer"}},
        },
        "journal": {"type": "object", "required": ["state", "notes"]},
        "cloud": {"type": "object", "required": ["configured"]},
        "agent": {"type": "object", "required": ["version"]},
        "language": {"type": "string", "enum": ["ja", "en"]},
        "register_name": _TEXT,
        "store_name": _TEXT,
    },
}
PREVIEW: Schema = {
    "type": "object",
    "required": ["age_ms", "picture"],
    "properties": {
        "age_ms": _MAYBE_NUMBER,
        "picture": {
            **_MAYBE_OBJECT,
            "properties": {
                "jpeg": {"type": "string", "contentEncoding": "base64"},
                "width": {"type": "integer"},
                "height": {"type": "integer"},
                "strips": {
                    "type": "array",
                    "description": "center x and y, width, height in the picture's pixels; angle in radians",
                    "items": {"type": "array", "items": {"type": "number"}},
                },
                "px_per_module": {"type": "number"},
                "sharpness": {"type": "number"},
            },
        },
    },
}
READY: Schema = {
    "type": "object",
    "required": ["ready", "degraded"],
    "properties": {"ready": {"type": "boolean"}, "degraded": {"type": "array", "items": _TEXT}},
}
_UNLOCK_HEADER = {
    "name": "posagent-unlock",
    "in": "header",
    "description": "a release by PIN (POST /v1/unlock): its person and role go on record. Needed for what only a manager may do, where a "
    "manager has a PIN",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"},
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "one for each wish; the same again gives the first answer",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{8,64}$"},
}
_AFTER = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "the last number that was seen; what came after it is replayed from the journal. Also as the query 'after'. "
    "Without it only news",
    "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
}
_DEVICE = {"name": "device", "in": "path", "required": True, "schema": {"type": "string", "maxLength": 80}}
_SEQ = {"name": "seq", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1}}
_REDEMPTION = {"name": "redemption", "in": "path", "required": True, "schema": {"type": "string", "maxLength": 40}}
_ASKED = ("400", "401", "409", "415", "422")
_JOB = {"name": "job", "in": "path", "required": True, "schema": {"type": "string", "maxLength": 80}}


def document() -> dict[str, Any]:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "posagent local API",
            "version": "1",
            "description": "For programs and pages on the register itself: http://127.0.0.1:8931, or the agent's Unix socket. "
            "Pages of other origins must be listed in allowed_origins and send a token.",
        },
        "servers": [{"url": "http://127.0.0.1:8931"}],
        "security": [{}, {"token": []}],
        "components": {
            "schemas": {
                "Sale": SALE, "Scan": SCAN, "Void": VOID, "PrintAnswer": PRINT_ANSWER, "Report": REPORT,
                **ACCESS,
                **COUNTER,
                **MANAGER,
                "DeviceTest": DEVICE_TEST, "TestMode": TEST_MODE, "TeachMode": TEACH_MODE, "Learn": LEARN, "Room": ROOM, "Preview": PREVIEW,
                "UseProfile": USE_PROFILE, "Answer": ANSWER, "ReportAnswer": REPORT_ANSWER, "Status": STATUS, "Ready": READY,
                "Problem": PROBLEM,
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "paths": {
            "/v1/status": {"get": _operation("status", "The state of the counter now", "Status")},
            "/v1/events": {"get": _events()},
            "/v1/sales": {"post": _change("postSale", "A sale that the till has rung up", "Sale")},
            "/v1/quotes": {"post": _operation("quote", "What a sale would earn; records nothing", body="Sale")},
            "/v1/scans": {"post": _change("postScan", "A member code that was read elsewhere or typed", "Scan")},
            "/v1/voids": {"post": _change("void", "Takes a sale's grant back", "Void", (_UNLOCK_HEADER,), ("404",))},
            "/v1/reports": {"post": _change("report", "点検 (x) or 精算 (z) of a date", "Report", (_UNLOCK_HEADER,), answer="ReportAnswer")},
            "/v1/coupons/check": {
                "post": _operation("checkCoupon", "What a coupon would do; holds nothing", "CouponChecked", body="CouponCheck", refusals=_ASKED)
            },
            "/v1/redemptions": {"post": _change("redeem", "Keeps coupon, points or value for the sale", "Redemption", answer="Redeemed")},
            "/v1/charges": {"post": _change("charge", "Pays value in for the member who waits", "Charge", answer="Charged")},
            "/v1/print/{job}/reprint": {"post": _change("reprint", "A copy marked 再発行", "Reprint", (_JOB, _UNLOCK_HEADER), ("404",))},
            "/v1/late-grants": {"post": _change("lateGrant", "Grants an earlier sale to the member who waits", "LateGrant", also=("404",))},
            "/v1/refunds": {"post": _change("refund", "A part of a sale comes back", "Refund", (_UNLOCK_HEADER,), ("404",), "Refunded")},
            "/v1/adjustments": {"post": _change("adjust", "An account is put right", "Adjustment", (_UNLOCK_HEADER,), answer="Adjusted")},
            "/v1/redemptions/{redemption}/release": {
                "post": _change("release", "Takes it off the open sale", "Release", (_REDEMPTION,), ("404",), "Redeemed")
            },
            "/v1/print/{job}/answer": {"post": _change("answerPrint", "'Did it come out?', answered", "PrintAnswer", (_JOB,), ("404",))},
            "/v1/slips/{job}.png": {"get": _picture()},
            "/v1/devices": {"get": _operation("devices", "Every device with all that a technician asks of it", "Room")},
            "/v1/devices/{device}/preview": {
                "get": {
                    **_operation("preview", "A camera's last picture; it sends more for ten seconds", "Preview", refusals=("404",)),
                    "parameters": [_DEVICE],
                }
            },
            "/v1/devices/{device}/test": {"post": _change("testDevice", "A printer's test slip", "DeviceTest", (_DEVICE,), ("404",))},
            "/v1/devices/{device}/teach": {"post": _change("teach", "Teach mode of a sale door", "TeachMode", (_DEVICE,), ("404",))},
            "/v1/devices/{device}/profile": {
                "post": _change("useProfile", "A sale door reads by this profile from now on", "UseProfile", (_DEVICE,), ("404",)),
            },
            "/v1/devices/{device}/learn": {"post": _change("learn", "A profile from known totals", "Learn", (_DEVICE,), ("404",))},
            "/v1/test-mode": {"post": _change("testMode", "Scans are explained and not given to the counter", "TestMode")},
            "/v1/unlock": {"post": _once("unlock", "A PIN for a release of five minutes", "Unlocked", "Unlock", ())},
            "/v1/pair": {"post": _once("pair", "A pairing code for a token", "Paired", "Pair", ("410",))},
            "/v1/pairings": {"post": _change("openPairing", "A pairing code (admin, Unix socket)", "Pairing", answer="PairingOpened")},
            "/v1/tokens": {"get": _operation("tokens", "Every token (admin, Unix socket)", "Tokens")},
            "/v1/tokens/revoke": {"post": _change("revokeToken", "Takes tokens back (admin, socket)", "Revocation", (), ("404",), "Revoked")},
            "/v1/unsettled": {"get": _operation("unsettled", "What head office has not taken", "Unsettled")},
            "/v1/unsettled/{seq}": {"post": _change("decide", "Sends it again, or gives it up", "Decision", (_SEQ, _UNLOCK_HEADER))},
            "/livez": {"get": _operation("alive", "The server answers")},
            "/readyz": {"get": _operation("ready", "The journal can be written and the settings are good", "Ready", also_ready=True)},
            "/metrics": {"get": _figures()},
        },
    }  # fmt: skip


_ALWAYS = ("400", "401", "403", "414", "421", "429", "431", "503", "504")
"""What the request policy and a busy agent may answer to anything."""
_TO_A_BODY = ("408", "409", "413", "415", "422")


def _content(schema: str | None) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"} if schema else {"type": "object"}}}


def _refusals(statuses: tuple[str, ...]) -> dict[str, Any]:
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": "see the problem's code", "content": problem} for status in sorted({*statuses, *_ALWAYS})}


def _operation(
    name: str, summary: str, schema: str | None = None, *, body: str | None = None, refusals: tuple[str, ...] = (), also_ready: bool = False
) -> dict[str, Any]:
    answers: dict[str, Any] = {"200": {"description": "as asked", "content": _content(schema)}}
    answers |= _refusals((*refusals, *(_TO_A_BODY if body else ())))
    if also_ready:
        answers["503"]["content"] |= _content(schema)
    asked = {"requestBody": {"required": True, "content": _content(body)}} if body else {}
    return {"operationId": name, "summary": summary, **asked, "responses": answers}


def _figures() -> dict[str, Any]:
    operation = _operation("metrics", "Figures for Prometheus (tech)")
    operation["responses"]["200"] = {"description": "Prometheus' text", "content": {"text/plain": {"schema": _TEXT}}}
    return operation


def _change(
    name: str, summary: str, body: str, parameters: tuple[dict[str, Any], ...] = (), also: tuple[str, ...] = (), answer: str = "Answer"
) -> dict[str, Any]:
    named = any(parameter["in"] == "path" for parameter in parameters)
    operation = _operation(name, summary, answer, body=body, refusals=(*also, *(("404",) if named else ())))
    replayed = {"Idempotency-Replayed": {"description": "true: this is the first answer again", "schema": {"type": "string", "enum": ["true"]}}}
    operation["responses"]["200"]["headers"] = replayed
    return {**operation, "parameters": [*parameters, _KEY]}


def _once(name: str, summary: str, answer: str, body: str, also: tuple[str, ...]) -> dict[str, Any]:
    """A POST that is good for once and takes no Idempotency-Key."""
    return _operation(name, summary, answer, body=body, refusals=also)


def _events() -> dict[str, Any]:
    stream = {
        "description": "server-sent events: page (with id), notice, status, live, reset, trouble; a comment every 15 s",
        "content": {"text/event-stream": {"schema": _TEXT}},
    }
    answers = {"200": stream, **_refusals(())}
    return {"operationId": "events", "summary": "Everything as it happens", "parameters": [_AFTER], "responses": answers}


def _picture() -> dict[str, Any]:
    picture = {"description": "the slip", "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}
    answers = {"200": picture, **_refusals(("404",))}
    return {"operationId": "slip", "summary": "A slip as a picture", "parameters": [_JOB], "responses": answers}


def text() -> str:
    """The document as it is checked in."""
    return json.dumps(document(), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
