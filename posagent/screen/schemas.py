"""Owns the shapes of requests: JSON Schemas that the OpenAPI document shows and that `check` enforces, so that the two cannot differ.

Money is a whole number of the currency's minor unit, tax included; rates are basis points (1000 = 10 %).
"""

from __future__ import annotations

import json
import re
from typing import Any

from posagent.screen.problems import Problem

LARGEST_AMOUNT = 99_999_999
Schema = dict[str, Any]

_AMOUNT: Schema = {"type": "integer", "minimum": 0, "maximum": LARGEST_AMOUNT}
_OPERATOR: Schema = {"type": "string", "maxLength": 32, "description": "who did it, as the till says; it is recorded as asserted"}

SALE: Schema = {
    "type": "object",
    "required": ["total"],
    "additionalProperties": False,
    "properties": {
        "total": {**_AMOUNT, "minimum": 1, "description": "what the customer pays, tax included"},
        "kind": {"type": "string", "enum": ["sale", "refund"]},
        "refund_of": {
            "type": "string", "minLength": 1, "maxLength": 80,
            "description": "kind refund: the sale that comes back, by sale_id or by its receipt number of today; the page proposes the refund",
        },
        "confirms": {
            "type": "string", "minLength": 1, "maxLength": 80,
            "description": "the open sale's sale_id: a person says that what a door read is right and paid; beside it only the total counts",
        },
        "paid": {"type": "boolean", "description": "false: a total shown before payment; the grant waits"},
        "receipt_no": {"type": "string", "minLength": 1, "maxLength": 40},
        "after_redemptions": {
            "type": "boolean",
            "description": "true: the total is what was left to pay after what was used in this sale; false: the total before it",
        },
        "tax_split": {
            "type": "object",
            "description": "gross per tax rate in basis points",
            "maxProperties": 8,
            "propertyNames": {"pattern": "^[0-9]{1,5}$"},
            "additionalProperties": _AMOUNT,
        },
        "lines": {
            "type": "array",
            "maxItems": 500,
            "items": {
                "type": "object",
                "required": ["amount"],
                "additionalProperties": False,
                "properties": {
                    "code": {"type": "string", "maxLength": 40},
                    "category": {"type": "string", "maxLength": 40},
                    "quantity": {"type": "integer", "minimum": 1, "maximum": 9999},
                    "amount": {"type": "integer", "minimum": -LARGEST_AMOUNT, "maximum": LARGEST_AMOUNT},
                    "rate_bp": {"type": "integer", "minimum": 0, "maximum": 10000},
                },
            },
        },
        "source": {"type": "string", "enum": ["api", "typed"], "description": "typed: a person entered the amount on the page"},
        "operator": _OPERATOR,
    },
}
SCAN: Schema = {
    "type": "object",
    "required": ["text"],
    "additionalProperties": False,
    "properties": {
        "text": {"type": "string", "minLength": 1, "maxLength": 512},
        "symbology": {"type": "string", "pattern": "^[A-Za-z][0-9A-Za-z]$", "description": "AIM identifier without its bracket"},
    },
}
VOID: Schema = {
    "type": "object",
    "required": ["sale_id", "reason"],
    "additionalProperties": False,
    "properties": {
        "sale_id": {"type": "string", "minLength": 1, "maxLength": 80},
        "reason": {"type": "string", "enum": ["returned", "wrong_amount", "wrong_member", "test", "other"]},
        "operator": _OPERATOR,
        "role": {"type": "string", "enum": ["cashier", "manager"]},
    },
}
PRINT_ANSWER: Schema = {
    "type": "object",
    "required": ["came_out"],
    "additionalProperties": False,
    "properties": {"came_out": {"type": "boolean"}, "operator": _OPERATOR},
}
REPORT: Schema = {
    "type": "object",
    "required": ["kind"],
    "additionalProperties": False,
    "properties": {
        "kind": {"type": "string", "enum": ["x", "z"], "description": "x looks (点検); z closes the business date (精算), once"},
        "business_date": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "description": "today's when left out"},
        "operator": _OPERATOR,
        "role": {"type": "string", "enum": ["cashier", "manager"], "description": "closing needs a manager"},
    },
}

_FINDING: Schema = {
    "type": "object",
    "required": ["id", "level", "wrong", "todo"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "pattern": "^D-[0-9]{3}$"},
        "level": {"type": "string", "enum": ["problem", "warning"]},
        "wrong": {"type": "string", "minLength": 1, "maxLength": 300},
        "todo": {"type": "string", "maxLength": 300},
    },
}
DEVICE_TEST: Schema = {
    "type": "object",
    "additionalProperties": False,
    "description": "empty: the test slip",
    "properties": {
        "doctor": {
            "type": "object",
            "description": "what the doctor found, instead of the test slip",
            "required": ["findings", "code"],
            "additionalProperties": False,
            "properties": {
                "findings": {"type": "array", "maxItems": 20, "items": _FINDING},
                "code": {"type": "string", "pattern": "^[0-9A-Z $%*+./:-]{1,900}$", "description": "for the support centre's scanner"},
            },
        }
    },
}
TEST_MODE: Schema = {"type": "object", "required": ["on"], "additionalProperties": False, "properties": {"on": {"type": "boolean"}}}
TEACH_MODE: Schema = TEST_MODE
USE_PROFILE: Schema = {
    "type": "object",
    "required": ["profile"],
    "additionalProperties": False,
    "properties": {
        "profile": {"type": "string", "pattern": "^([a-z0-9][a-z0-9_-]{0,39})?$", "description": 'its name; "": what the settings name'},
    },
}
LEARN: Schema = {
    "type": "object",
    "required": ["name", "known"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,39}$", "description": "of the profile"},
        "known": {
            "type": "array",
            "minItems": 2,
            "maxItems": 6,
            "items": {
                "type": "object",
                "required": ["number", "total"],
                "additionalProperties": False,
                "properties": {
                    "number": {"type": "integer", "minimum": 1, "maximum": 1_000_000, "description": "of the captured receipt"},
                    "total": {"type": "integer", "minimum": 1, "maximum": 99_999_999},
                },
            },
        },
    },
}


def read(raw: bytes, schema: Schema) -> dict[str, Any]:
    """The checked object of a request body. Raises Problem 400 for what is not JSON and 422 for what does not fit the schema."""
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_no_repeats)
    except (ValueError, RecursionError):
        raise Problem(400, "E706", "the body is not JSON in UTF-8, or repeats a key", {"problem": "JSON"}) from None
    if complaint := check(value, schema, "body"):
        raise Problem(422, "E706", complaint, {"problem": complaint})
    assert isinstance(value, dict)  # noqa: S101 - every request schema is an object
    return value


def check(value: object, schema: Schema, path: str) -> str:
    """The first complaint, with its path; empty when the value fits. Names of unknown fields are not repeated: they are the caller's words."""
    kind = schema.get("type")
    match value:
        case bool():
            fits = kind == "boolean"
        case int():
            fits = kind == "integer"
        case str():
            fits = kind == "string"
        case list():
            fits = kind == "array"
        case dict():
            fits = kind == "object"
        case _:
            fits = False
    if not fits:
        return f"{path} must be of type {kind}"
    match value:
        case int() if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            return f"{path} must be from {schema.get('minimum')} to {schema.get('maximum')}"
        case str():
            return _check_text(value, schema, path)
        case list():
            return _check_items(value, schema, path)
        case dict():
            return _check_fields(value, schema, path)
    return ""


def _check_text(value: str, schema: Schema, path: str) -> str:
    if any(mark == "\0" or "\ud800" <= mark <= "\udfff" for mark in value):  # neither UTF-8 nor SQLite takes these
        return f"{path} holds a character that cannot be stored"
    if "enum" in schema and value not in schema["enum"]:
        return f"{path} must be one of {', '.join(schema['enum'])}"
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        return f"{path} must have {schema.get('minLength', 0)} to {schema.get('maxLength')} characters"
    if "pattern" in schema and not re.fullmatch(schema["pattern"].strip("^$"), value):
        return f"{path} must match {schema['pattern']}"
    return ""


def _check_items(value: list[object], schema: Schema, path: str) -> str:
    if len(value) < schema.get("minItems", 0):
        return f"{path} must have at least {schema['minItems']} items"
    if len(value) > schema["maxItems"]:
        return f"{path} must have at most {schema['maxItems']} items"
    complaints = (check(item, schema["items"], f"{path}[{number}]") for number, item in enumerate(value, 1))
    return next(filter(None, complaints), "")


def _check_fields(value: dict[str, object], schema: Schema, path: str) -> str:
    known: Schema = schema.get("properties", {})
    if missing := [name for name in schema.get("required", ()) if name not in value]:
        return f"{path}.{missing[0]} is missing"
    if len(value) > schema.get("maxProperties", len(value)):
        return f"{path} must have at most {schema['maxProperties']} fields"
    others = schema.get("additionalProperties")
    for name, item in value.items():
        if name not in known and not isinstance(others, dict):
            return f"{path} has a field that is not known; known: {', '.join(known)}"
        if name not in known and not re.fullmatch(schema["propertyNames"]["pattern"].strip("^$"), name):
            return f"{path} has a field whose name does not match {schema['propertyNames']['pattern']}"
        rule, where = (known[name], f"{path}.{name}") if name in known else (others or {}, f"{path}.*")
        if complaint := check(item, rule, where):
            return complaint
    return ""


def _no_constant(_name: str) -> object:
    raise ValueError


def _no_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found
