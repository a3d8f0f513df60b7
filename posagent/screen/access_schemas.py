"""Owns the shapes of requests and answers that let people and programs in: release by PIN, pairing, tokens."""

from __future__ import annotations

from posagent.pairing import DIGITS
from posagent.screen.schemas import Schema
from posagent.screen.tokens import GIVEN
from posagent.staff import PIN

_TEXT: Schema = {"type": "string"}
UNLOCK: Schema = {
    "type": "object",
    "required": ["operator", "pin"],
    "additionalProperties": False,
    "properties": {
        "operator": {"type": "string", "minLength": 1, "maxLength": 32, "description": "the staff code of [[staff]]"},
        "pin": {"type": "string", "pattern": f"^{PIN.pattern}$"},
    },
}
PAIR: Schema = {
    "type": "object",
    "required": ["code"],
    "additionalProperties": False,
    "properties": {"code": {"type": "string", "pattern": f"^[0-9]{{{DIGITS}}}$"}},
}
PAIRING: Schema = {
    "type": "object",
    "required": ["name", "scopes"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 40, "description": "what `posagent tokens list` shows"},
        "origin": {"type": "string", "maxLength": 300, "description": "the page's, as the browser writes it; left out: a program"},
        "scopes": {"type": "array", "minItems": 1, "maxItems": len(GIVEN), "items": {"type": "string", "enum": list(GIVEN)}},
        "print": {"type": "boolean", "description": "on the slip printer as well"},
    },
}
REVOCATION: Schema = {
    "type": "object",
    "required": ["token"],
    "additionalProperties": False,
    "properties": {"token": {"type": "string", "minLength": 1, "maxLength": 40, "description": "its id or its name"}},
}
UNLOCKED: Schema = {
    "type": "object",
    "required": ["unlock", "role", "operator", "expires_s"],
    "properties": {
        "unlock": {"type": "string", "description": "to be sent as the header posagent-unlock by the same caller"},
        "role": {"type": "string", "enum": ["cashier", "manager"]},
        "operator": _TEXT,
        "expires_s": {"type": "integer"},
    },
}
PAIRED: Schema = {
    "type": "object",
    "required": ["token", "scopes"],
    "properties": {"token": {"type": "string", "description": "told this once"}, "scopes": {"type": "array", "items": _TEXT}},
}
PAIRING_OPENED: Schema = {
    "type": "object",
    "required": ["state", "code", "expires_s", "printed"],
    "properties": {"state": _TEXT, "code": _TEXT, "expires_s": {"type": "integer"}, "printed": {"type": "boolean"}},
}
TOKENS: Schema = {
    "type": "object",
    "required": ["tokens"],
    "properties": {
        "tokens": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "name", "origin", "scopes", "created", "expires", "last_used"],
                "properties": {
                    "id": _TEXT, "name": _TEXT, "origin": {"type": "string", "description": "empty: a program"},
                    "scopes": {"type": "array", "items": _TEXT}, "created": _TEXT, "expires": _TEXT,
                    "last_used": {"type": ["string", "null"], "description": "to the hour"},
                },
            },
        }
    },
}  # fmt: skip
REVOKED: Schema = {
    "type": "object",
    "required": ["state", "revoked"],
    "properties": {"state": _TEXT, "revoked": {"type": "array", "items": _TEXT, "description": "their names"}},
}

ACCESS: dict[str, Schema] = {
    "Unlock": UNLOCK, "Unlocked": UNLOCKED, "Pair": PAIR, "Paired": PAIRED, "Pairing": PAIRING, "PairingOpened": PAIRING_OPENED,
    "Tokens": TOKENS, "Revocation": REVOCATION, "Revoked": REVOKED,
}  # fmt: skip
"""By their names in the OpenAPI document."""
