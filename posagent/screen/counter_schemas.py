"""Owns the shapes of requests and answers about what is used up in a sale, or put right afterwards (see `posagent.screen.schemas`)."""

from __future__ import annotations

from posagent.loyalty.reversal import ADJUST_REASONS
from posagent.screen.schemas import LARGEST_AMOUNT, Schema

_TEXT: Schema = {"type": "string"}
_MAYBE_TEXT: Schema = {"type": ["string", "null"]}
_NUMBER: Schema = {"type": "integer"}

COUPON_CHECK: Schema = {
    "type": "object",
    "required": ["code"],
    "additionalProperties": False,
    "properties": {
        "code": {"type": "string", "minLength": 1, "maxLength": 64, "description": "as on the paper, or a coupon's key in the status"},
    },
}
REDEMPTION: Schema = {
    "type": "object",
    "required": ["kind"],
    "additionalProperties": False,
    "properties": {
        "kind": {"type": "string", "enum": ["coupon", "points", "value"]},
        "code": {"type": "string", "minLength": 1, "maxLength": 64, "description": "of a coupon: as on the paper, or its key in the status"},
        "amount": {"type": "integer", "minimum": 1, "maximum": LARGEST_AMOUNT, "description": "points, or yen of prepaid value"},
    },
}
OPERATOR: Schema = {"type": "string", "maxLength": 32, "description": "who did it, as the till says; it is recorded as asserted"}
ROLE: Schema = {"type": "string", "enum": ["cashier", "manager"]}
CHARGE: Schema = {
    "type": "object",
    "required": ["amount"],
    "additionalProperties": False,
    "properties": {
        "amount": {"type": "integer", "minimum": 1, "maximum": LARGEST_AMOUNT, "description": "yen"},
        "tender": {"type": "string", "pattern": "^[a-z0-9_-]{1,20}$", "description": "how it is paid; cash when left out"},
        "operator": OPERATOR,
    },
}
CHARGED: Schema = {
    "type": "object",
    "required": ["state", "result", "sale_id", "amount"],
    "properties": {
        "state": {"type": "string", "enum": ["done"]},
        "result": {"type": "string", "enum": ["charged", "already"]},
        "sale_id": {"type": "string", "description": "what /v1/voids takes to void it, as a manager, on the same business date"},
        "amount": _NUMBER,
        "bonus": _NUMBER,
        "balance": {"type": "integer", "description": "with this charge"},
        "member": {"type": "string", "description": "masked"},
    },
}
SALE_ID: Schema = {"type": "string", "minLength": 1, "maxLength": 80}
LATE_GRANT: Schema = {
    "type": "object",
    "description": "an earlier sale of this register, by its id or by its receipt number of today, for the member who waits",
    "additionalProperties": False,
    "properties": {"sale_id": SALE_ID, "receipt_no": {"type": "string", "minLength": 1, "maxLength": 40}, "operator": OPERATOR},
}
REFUND: Schema = {
    "type": "object",
    "required": ["sale_id", "reason"],
    "additionalProperties": False,
    "properties": {
        "sale_id": SALE_ID,
        "reason": {"type": "string", "enum": ["returned", "wrong_amount", "defect", "other"]},
        "remaining_lines": {
            "type": "array",
            "maxItems": 500,
            "description": "what the customer keeps; a line that is left out came back whole",
            "items": {
                "type": "object",
                "required": ["line", "amount"],
                "additionalProperties": False,
                "properties": {
                    "line": {"type": "integer", "minimum": 1, "maximum": 500, "description": "its place in the sale, from 1"},
                    "amount": {"type": "integer", "minimum": 0, "maximum": LARGEST_AMOUNT},
                    "quantity": {"type": "integer", "minimum": 1, "maximum": 9999},
                },
            },
        },
        "remaining_total": {
            "type": "integer",
            "minimum": 0,
            "maximum": LARGEST_AMOUNT,
            "description": "instead of lines, for a sale of one line; 0: everything came back",
        },
        "operator": OPERATOR,
        "role": ROLE,
    },
}
REFUNDED: Schema = {
    "type": "object",
    "required": ["state", "result", "sale_id", "points", "amount"],
    "properties": {
        "state": {"type": "string", "enum": ["done"]},
        "result": {"type": "string", "enum": ["refunded", "already"]},
        "sale_id": _TEXT,
        "points": {"type": "integer", "description": "what the grant changes by"},
        "returned_points": {"type": "integer", "description": "used points that went back"},
        "value_back": {"type": "integer", "description": "yen of prepaid value that went back to the account; it is never paid out"},
        "amount": {"type": "integer", "description": "what the customer keeps, before reductions"},
        "coupons_cancelled": _NUMBER,
        "member": _TEXT,
    },
}
ADJUSTMENT: Schema = {
    "type": "object",
    "required": ["account", "delta", "reason"],
    "additionalProperties": False,
    "properties": {
        "account": {"type": "string", "pattern": "^[a-z0-9_-]{1,40}$"},
        "delta": {"type": "integer", "minimum": -LARGEST_AMOUNT, "maximum": LARGEST_AMOUNT},
        "reason": {"type": "string", "enum": list(ADJUST_REASONS)},
        "text": {"type": "string", "maxLength": 200, "description": "needed with the reason other; nothing personal"},
        "operator": OPERATOR,
        "role": ROLE,
    },
}
ADJUSTED: Schema = {
    "type": "object",
    "required": ["state", "result", "account", "delta"],
    "properties": {
        "state": {"type": "string", "enum": ["done"]},
        "result": {"type": "string", "enum": ["adjusted", "already"]},
        "account": _TEXT,
        "delta": _NUMBER,
        "member": _TEXT,
    },
}
REPRINT: Schema = {"type": "object", "additionalProperties": False, "properties": {"operator": OPERATOR, "role": ROLE}}
RELEASE: Schema = {"type": "object", "additionalProperties": False, "properties": {}}

PER_RATE: Schema = {
    "type": "array",
    "description": "the sale by tax rate (basis points), tax included, and what to take off at each; prepaid value is a tender and in none",
    "items": {
        "type": "object",
        "required": ["tax", "amount", "discount"],
        "properties": {"tax": _NUMBER, "amount": _NUMBER, "discount": _NUMBER},
    },
}
REDUCTIONS: Schema = {
    "type": "array",
    "description": "everything that is kept for the open sale",
    "items": {
        "type": "object",
        "required": ["id", "kind", "amount"],
        "properties": {
            "id": _TEXT,
            "kind": {"type": "string", "enum": ["coupon", "points", "value"]},
            "label": _MAYBE_TEXT,
            "amount": {"type": "integer", "description": "yen"},
            "gift": {"type": ["string", "null"], "description": "what is handed over for nothing"},
            "points": {"type": ["integer", "null"]},
        },
    },
}
REDEMPTION_ANSWER: Schema = {
    "type": "object",
    "required": ["state", "result"],
    "properties": {
        "state": {"type": "string", "enum": ["done"]},
        "result": {"type": "string", "enum": ["redeemed", "released", "already"]},
        "id": {"type": "string", "description": "of the redemption: to release it"},
        "kind": {"type": "string", "enum": ["coupon", "points", "value"]},
        "label": _MAYBE_TEXT,
        "authority": {"type": "string", "enum": ["cloud", "register"], "description": "who answers for it"},
        "discount": {"type": "integer", "description": "what the POS takes off for this redemption; 0 for value, which is a tender"},
        "amount": {"type": "integer", "description": "yen that it takes off or pays"},
        "gift": _MAYBE_TEXT,
        "per_rate": PER_RATE,
        "payable": {"type": "integer", "description": "what is left to pay in other ways, with all that is kept for the sale"},
        "reductions": REDUCTIONS,
        "sale_id": _TEXT,
    },
}
CHECK_ANSWER: Schema = {
    "type": "object",
    "required": ["known", "usable", "code", "authority"],
    "properties": {
        "known": {"type": "boolean"},
        "usable": {"type": "boolean", "description": "in the open sale; where none is open, in any"},
        "code": {"type": ["string", "null"], "description": "why not"},
        "words": {"type": ["object", "null"]},
        "authority": {"type": "string", "enum": ["cloud", "register"], "description": "who was asked"},
        "label": _TEXT,
        "key": _TEXT,
        "last_day": _MAYBE_TEXT,
        "member_only": {"type": "boolean"},
        "discount": _NUMBER,
        "gift": _MAYBE_TEXT,
        "per_rate": PER_RATE,
        "payable": _NUMBER,
    },
}
_MAYBE_NUMBER: Schema = {"type": ["integer", "null"]}
OPEN_CHECKOUT: Schema = {
    "type": ["object", "null"],
    "properties": {
        "member": {**_MAYBE_TEXT, "description": "masked"},
        "amount": {**_MAYBE_NUMBER, "description": "the sale before anything was taken off"},
        "paid": {"type": ["boolean", "null"], "description": "only before the payment something can be used in the sale"},
        "door": {"type": ["string", "null"], "description": "where the amount came from: typed, api, or a sale door's name"},
        "proposed": {
            "type": "boolean", "description": "a door read it, and nobody has said yet that it is right and paid: POST /v1/sales with confirms",
        },
        "sale_id": _MAYBE_TEXT,
        "payable": {**_MAYBE_NUMBER, "description": "what is left to pay, with all that is kept for the sale"},
        "per_rate": PER_RATE,
        "reductions": REDUCTIONS,
        "coupons": {
            "type": "array",
            "description": "the member's own, as the snapshot knows them",
            "items": {
                "type": "object",
                "required": ["key", "label", "benefit", "last_day", "usable", "code"],
                "properties": {
                    "key": {"type": "string", "description": "what /v1/redemptions takes as the code"},
                    "label": _TEXT,
                    "benefit": {"type": "object", "properties": {"ja": _TEXT, "en": _TEXT}},
                    "last_day": _MAYBE_TEXT,
                    "usable": {"type": "boolean"},
                    "code": {**_MAYBE_TEXT, "description": "why not in this sale"},
                },
            },
        },
        "points": {
            "type": ["object", "null"],
            "description": "as of the snapshot; redeemable: the most that this sale would take now, worth so many yen",
            "required": ["balance", "as_of", "redeemable", "yen"],
            "properties": {"balance": _NUMBER, "as_of": _TEXT, "redeemable": _NUMBER, "yen": _NUMBER},
        },
        "stamps": {
            "type": "array",
            "items": {"type": "object", "properties": {"label": _TEXT, "position": _NUMBER, "size": _NUMBER}},
        },
        "asking": {"type": "boolean", "description": "head office is being asked at this moment"},
        "value": {
            "type": ["object", "null"],
            "description": "prepaid value as a tender; balance: the snapshot's; usable: what is left to pay, 0: not in this sale",
            "required": ["label", "balance", "usable"],
            "properties": {"label": _TEXT, "balance": _MAYBE_NUMBER, "usable": _NUMBER},
        },
        "charge": {
            "type": ["object", "null"],
            "description": "within what value can be charged now",
            "required": ["label", "unit", "min", "max"],
            "properties": {"label": _TEXT, "unit": _NUMBER, "min": _NUMBER, "max": _MAYBE_NUMBER},
        },
        "accounts": {
            "type": "array",
            "description": "what a manager may put right by hand",
            "items": {"type": "object", "required": ["name", "label"], "properties": {"name": _TEXT, "label": _TEXT}},
        },
    },
}
COUNTER: dict[str, Schema] = {
    "CouponCheck": COUPON_CHECK, "CouponChecked": CHECK_ANSWER, "Redemption": REDEMPTION, "Release": RELEASE, "Redeemed": REDEMPTION_ANSWER,
    "Charge": CHARGE, "Charged": CHARGED, "LateGrant": LATE_GRANT, "Refund": REFUND, "Refunded": REFUNDED,
    "Adjustment": ADJUSTMENT, "Adjusted": ADJUSTED, "Reprint": REPRINT,
}  # fmt: skip
