"""Owns what is known of scanners by their USB numbers: maker, model, the mode they are in, and what to do when that mode cannot be used.

Numbers: usb.ids. The setup codes' names are those of the makers' manuals (Honeywell Voyager 1400g/Xenon user's guides, "USB"; Zebra LS/DS
product reference guides, "USB device type"; Datalogic QuickScan/Gryphon product reference guides, "USB interface").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["keyboard", "serial", "hid-pos", "ibm", "snapi", "setup", "unknown"]


@dataclass(frozen=True, slots=True)
class Known:
    """A device by its numbers. ``advice`` is empty when its mode can be used."""

    maker: str
    model: str
    mode: Mode
    advice: str = ""

    @property
    def title(self) -> str:
        """ "Honeywell Voyager 1400g"; the maker alone when the model is not known."""
        return f"{self.maker} {self.model}".strip()


MAKERS: dict[int, str] = {
    0x0C2E: "Honeywell/Metrologic", 0x0536: "Hand Held Products", 0x05E0: "Zebra/Symbol", 0x05F9: "Datalogic/PSC", 0x080C: "Datalogic",
    0x1EAB: "Newland", 0x065A: "Opticon", 0x076D: "Denso Wave", 0x067E: "Intermec", 0x27DD: "Mindeo", 0x0AA7: "Wincor Nixdorf",
    0x0D3A: "Posiflex",
}  # fmt: skip

_MODELS: dict[tuple[int, int], tuple[str, Mode]] = {
    (0x0C2E, 0x0007): ("", "ibm"),
    (0x0C2E, 0x0200): ("", "keyboard"),
    (0x0C2E, 0x0204): ("", "keyboard"),
    (0x0C2E, 0x0700): ("", "serial"),
    (0x0C2E, 0x0720): ("", "serial"),
    (0x0C2E, 0x0B61): ("Vuquest 3310g", "keyboard"),
    (0x0C2E, 0x0B6A): ("Vuquest 3310g", "serial"),
    (0x0C2E, 0x0B81): ("Voyager 1400g", "keyboard"),
    (0x0536, 0x01CA): ("IT4800", "unknown"),
    (0x05E0, 0x1200): ("", "keyboard"),
    (0x05E0, 0x1300): ("", "unknown"),
    (0x05E0, 0x1701): ("", "serial"),
    (0x05E0, 0x1900): ("", "snapi"),
    (0x05E0, 0x1A00): ("CS4070", "unknown"),
    (0x05F9, 0x1206): ("", "ibm"),
    (0x05F9, 0x2206): ("", "keyboard"),
    (0x05F9, 0x220C): ("", "keyboard"),
    (0x05F9, 0x4204): ("", "serial"),
    (0x05F9, 0x5204): ("", "setup"),
    (0x065A, 0x0001): ("", "keyboard"),
    (0x065A, 0x0009): ("", "serial"),
}

# Newland's product ids end in the mode: xx03 keyboard, xx06 CDC, xx10 HID POS.
_NEWLAND: dict[int, Mode] = {0x03: "keyboard", 0x06: "serial", 0x10: "hid-pos"}

_MODE_NAMES: dict[Mode, str] = {
    "ibm": "IBM hand-held / OEM (SurePOS) mode",
    "snapi": "SNAPI mode",
    "setup": "its set-up mode",
    "keyboard": "keyboard mode",
    "serial": "serial (COM) mode",
    "hid-pos": "HID POS mode",
    "unknown": "a mode that is not known",
}
_SETUP_CODES: dict[int, str] = {
    0x0C2E: "'USB HID Bar Code Scanner' (best) or 'USB Serial' in the quick start guide",
    0x0536: "'USB HID Bar Code Scanner' (best) or 'USB Serial' in the quick start guide",
    0x05E0: "'USB CDC Host' or 'HID Keyboard Emulation' in the chapter 'USB Interface' of the product reference guide",
    0x05F9: "'USB-COM-STD' (best) or 'USB Keyboard' in the quick reference guide",
    0x1EAB: "'USB HID-POS' (best) or 'USB CDC' in the user guide",
}


def recognise(vendor: int, product: int) -> Known | None:
    """None: not a maker of scanners that we know."""
    maker = MAKERS.get(vendor)
    if maker is None:
        return None
    model, mode = _MODELS.get((vendor, product), ("", "unknown"))
    if vendor == 0x1EAB:
        mode = _NEWLAND.get(product & 0xFF, "unknown")
    advice = ""
    if mode in {"ibm", "snapi", "setup"}:
        codes = _SETUP_CODES.get(vendor, "the maker's setup code for HID POS, USB serial or keyboard")
        advice = f"it is in {_MODE_NAMES[mode]}, which posagent cannot read: scan the setup code {codes}"
    return Known(maker, model, mode, advice)


def mode_name(mode: Mode) -> str:
    """For people."""
    return _MODE_NAMES[mode]
