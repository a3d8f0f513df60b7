"""Owns the text of the local udev rules: devices that only their owner can tell for a scanner.

The file sorts before 71-posagent.rules, which gives every device so named its group, its links, and its peace from ModemManager and the seat.
"""

from __future__ import annotations

import re
from pathlib import Path

LOCAL_RULES = Path("/etc/udev/rules.d/70-posagent-local.rules")
_HEAD = "# Written by `posagent setup`: devices of this counter that nothing else tells for scanners. One line each; yours to change.\n"
_NUMBERS = re.compile(r"usb:([0-9a-f]{4}):([0-9a-f]{4})")


def usb_numbers(identity: str) -> tuple[str, str] | None:
    """Vendor and product of a selector such as "usb:1a86:7523@1-2"; None where it names no USB device."""
    found = _NUMBERS.match(identity.lower())
    return (found[1], found[2]) if found else None


def local_rule(vendor: str, product: str) -> str:
    """The line for one model: two of a kind on one counter are both scanners."""
    if not re.fullmatch("[0-9a-f]{4}", vendor) or not re.fullmatch("[0-9a-f]{4}", product):
        raise ValueError(f"{vendor}:{product} are no USB numbers")
    return f'SUBSYSTEMS=="usb", ATTRS{{idVendor}}=="{vendor}", ATTRS{{idProduct}}=="{product}", ENV{{POSAGENT_ROLE}}="scanner"\n'


def with_rule(text: str, vendor: str, product: str) -> str:
    """The file with this line in it, once; what else stands there stays."""
    line = local_rule(vendor, product)
    kept = text or _HEAD
    return kept if line in kept else f"{kept.rstrip()}\n{line}"
