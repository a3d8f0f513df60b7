"""Owns the loyalty rules: program file, basis, earn, boost, coupons, stamps, ranks, reversal, offline limits, day totals. PURE.

No clock, no I/O, no float: what happens at the counter is a function of program, register, sale and member, and can be audited from here alone.
"""

from posagent.loyalty.days import business_date
from posagent.loyalty.masking import mask
from posagent.loyalty.model import (
    Allocation,
    Coupon,
    CouponIssue,
    CouponUse,
    Entry,
    Line,
    Member,
    Quote,
    Reason,
    Reduction,
    Register,
    Sale,
    SaleRejected,
)
from posagent.loyalty.program import read_program
from posagent.loyalty.quote import quote
from posagent.loyalty.records import to_json
from posagent.loyalty.rules import Program

__all__ = [
    "Allocation",
    "Coupon",
    "CouponIssue",
    "CouponUse",
    "Entry",
    "Line",
    "Member",
    "Program",
    "Quote",
    "Reason",
    "Reduction",
    "Register",
    "Sale",
    "SaleRejected",
    "business_date",
    "mask",
    "quote",
    "read_program",
    "to_json",
]
