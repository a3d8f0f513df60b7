"""Owns the register's devices as the lab knows them: their USB identities, and what a scanner's trigger pull sends.

Identities are those of real devices (usb.ids), so that the product's own rules decide what each one is. Boot report of a keyboard: HID 1.11
appendix B.1, usages: HID Usage Tables, page 07h. HID POS: one 64-byte report of the
shape that Honeywell's scanners have (HID Point of Sale Usage Tables 1.02).
"""

from __future__ import annotations

from typing import Any

KEYBOARD_DESCRIPTOR = (
    "05010906a101050719e029e71500250175019508810295017508810395057501050819012905910295017503910395067508150025650507190029658100c0"
)
HIDPOS_DESCRIPTOR = (
    "058c0902a10185020912a102150026ff007508950105 01093b81029503058c09fb09fc09fd8102953809fe8202010666ff9502090409008102"
    "058c25017501950809ff8102c0c0"
).replace(" ", "")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SHIFT = 0x02
_PLAIN = {"-": 0x2D, "=": 0x2E, "[": 0x2F, "]": 0x30, "\\": 0x31, ";": 0x33, "'": 0x34, ",": 0x36, ".": 0x37, "/": 0x38, " ": 0x2C,
          "\r": 0x28, "\t": 0x2B}  # fmt: skip
_SHIFTED = {"_": 0x2D, "+": 0x2E, "{": 0x2F, "}": 0x30, "|": 0x31, ":": 0x33, '"': 0x34, "<": 0x36, ">": 0x37, "?": 0x38, "!": 0x1E, "@": 0x1F,
            "#": 0x20, "$": 0x21, "%": 0x22, "^": 0x23, "&": 0x24, "*": 0x25, "(": 0x26, ")": 0x27}  # fmt: skip


def _usage(char: str) -> tuple[int, int]:
    """(modifiers, usage) on a US keyboard. Raises ValueError for a character that it has not."""
    if char.isascii() and char.isdigit():
        return 0, 0x27 if char == "0" else 0x1D + int(char)
    if char.lower() in _LETTERS:
        return _SHIFT if char.isupper() else 0, 4 + _LETTERS.index(char.lower())
    if char in _PLAIN:
        return 0, _PLAIN[char]
    if char in _SHIFTED:
        return _SHIFT, _SHIFTED[char]
    raise ValueError(f"no key for {char!r}")


def keyboard_reports(text: str, end: str = "\r") -> list[bytes]:
    """One scan as 8-byte boot reports: each key down, then all keys up."""
    reports = []
    for char in text + end:
        modifiers, usage = _usage(char)
        reports += [bytes((modifiers, 0, usage, 0, 0, 0, 0, 0)), bytes(8)]
    return reports


def hidpos_report(text: str, aim: str) -> bytes:
    """One scan as a HID POS report: id, count, symbology identifier, data, two vendor bytes, no continuation."""
    body = text.encode("ascii")
    if len(body) > 56:
        raise ValueError("a longer code needs several reports")
    return bytes((2, len(body))) + f"]{aim}".encode("ascii") + body.ljust(56, b"\0") + bytes(3)


def _device(
    name: str, controller: int, kind: str, numbers: tuple[int, int], serial: str, maker: str, title: str, **more: Any
) -> dict[str, Any]:
    return {"name": name, "controller": controller, "kind": kind, "vendor": numbers[0], "product": numbers[1], "serial": serial, "maker": maker,
            "title": title, **more}  # fmt: skip


def _keyboard(name: str, controller: int, numbers: tuple[int, int], serial: str, maker: str, title: str) -> dict[str, Any]:
    return _device(name, controller, "hid", numbers, serial, maker, title, protocol=1, report_length=8, descriptor=KEYBOARD_DESCRIPTOR)


def printer(line: int) -> dict[str, Any]:
    """The slip printer; ``line`` is the port of the lab's own at which the virtual printer answers."""
    return _device("slips", 0, "printer", (0x04B8, 0x0202), "J5KG012345", "EPSON", "TM-T88VI", line=line)


WEDGE = _keyboard("gun", 1, (0x0C2E, 0x0B61), "15031B1234", "Metrologic", "Metrologic Scanner")
HIDPOS = _device(
    "pos", 2, "hid", (0x1EAB, 0x2210), "NL4210", "Newland", "POS scanner", protocol=0, report_length=64, descriptor=HIDPOS_DESCRIPTOR
)
SERIAL = _device("com", 3, "acm", (0x05F9, 0x4204), "S22A00017", "Datalogic ADC, Inc.", "Handheld Barcode Scanner")
TWINS = tuple(_keyboard(f"twin{place}", 3 + place, (0x05F9, 0x2206), "", "Datalogic", "QuickScan") for place in (1, 2))
FOREIGN = _keyboard("keyboard", 6, (0x046D, 0xC31C), "", "Logitech", "USB Keyboard")
