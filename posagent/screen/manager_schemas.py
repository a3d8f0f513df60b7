"""Owns the shapes of what the manager's page asks and is told."""

from __future__ import annotations

from posagent.screen.schemas import Schema

DECISION: Schema = {
    "type": "object",
    "required": ["what"],
    "additionalProperties": False,
    "properties": {
        "what": {"type": "string", "enum": ["retry", "drop"]},
        "reason": {"type": "string", "maxLength": 200, "description": "why it is given up; needed for drop"},
        "operator": {"type": "string", "maxLength": 32},
        "role": {"type": "string", "enum": ["cashier", "manager"]},
    },
}
UNSETTLED: Schema = {
    "type": "object",
    "required": ["pending", "oldest", "link", "blocked", "events", "more"],
    "properties": {
        "pending": {"type": "integer", "description": "events that wait for head office"},
        "oldest": {"type": ["string", "null"]},
        "link": {"type": "string", "enum": ["online", "offline", "unknown"]},
        "blocked": {"type": "string", "description": "why nothing is sent although the link is there, in English; empty when all is well"},
        "events": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["seq", "state", "kind", "at", "problem"],
                "properties": {
                    "seq": {"type": "integer"},
                    "state": {"type": "string", "enum": ["parked", "rejected", "conflict"]},
                    "kind": {"type": "string"},
                    "at": {"type": "string"},
                    "problem": {"type": "string"},
                },
            },
        },
        "more": {"type": "boolean", "description": "there are more than are listed"},
    },
}
MANAGER: dict[str, Schema] = {"Decision": DECISION, "Unsettled": UNSETTLED}
"""By their names in the OpenAPI document."""
