"""Owns the driver records of slip printers: their settings, and which line and dialect these open."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from drivers.escpos.dialects import DIALECTS, Dialect
from drivers.escpos.paper import Paper
from posagent.errors import SettingsError
from posagent.ports import Driver, Found, Option, Options, Preview, Printer
from posagent.slips import Slip

OPEN_S = 3.0
"""How long connecting may take."""

_FLOWS = ("rtscts", "xonxoff")
_SOURCE = "Epson ESC/POS command reference; Citizen CT-S, Seiko RP, Star, Bixolon and HPRT command manuals (see drivers/escpos/dialects.py)"
_COMMON: dict[str, Option] = {
    "dialect": Option(str, "the family of the printer", default="epson", choices=tuple(DIALECTS)),
    "paper_mm": Option(int, "width of the roll", default=80, choices=(58, 80)),
    "width_dots": Option(int, "printable dots across, where the family's usual width is wrong; 0: usual", default=0, minimum=0, maximum=1024),
    "rom": Option(str, "what the printer's own font has beyond JIS X 0208; '' is the family's usual", default="",
                  choices=("", "ascii", "jis", "row13", "nec")),
    "buzzer": Option(str, "sound once when a slip has been cut, so that it is taken: esc-a (Epson ESC ( A), esc-b (many compatible printers)",
                     default="", choices=("", "esc-a", "esc-b")),
    "own_characters": Option(bool, "teach the printer characters that it lacks (FS 2) instead of drawing their whole line; try it with "
                             "a test slip first", default=False),
}  # fmt: skip


def kind_of(options: Options) -> tuple[Dialect, Paper]:
    """The dialect and the paper that the settings say."""
    from dataclasses import replace

    dialect = DIALECTS[options["dialect"]]
    if options.get("rom"):
        dialect = replace(dialect, rom=options["rom"], kanji="none" if options["rom"] == "ascii" else dialect.kanji)
    if options.get("own_characters"):
        dialect = replace(dialect, own_characters=True)
    if options.get("buzzer"):
        dialect = replace(dialect, buzzer=options["buzzer"])
    paper = dialect.wide if options["paper_mm"] == 80 else dialect.narrow
    if options["width_dots"]:
        if options["width_dots"] < 240:
            raise SettingsError("width_dots: a slip needs at least 240 dots (20 columns)")
        paper = replace(paper, width_dots=options["width_dots"])
    return dialect, paper


def _preview(slip: Slip, options: Options) -> Preview:
    from drivers.escpos.preview import preview

    return preview(slip, *kind_of({**_defaults(_COMMON), **options}))


def _defaults(options: dict[str, Option]) -> dict[str, Any]:
    return {name: option.default for name, option in options.items()}


def _open_tcp(name: str, options: Options) -> Printer:
    from drivers.escpos.link_tcp import open_tcp
    from drivers.escpos.printer import EscposPrinter

    link = open_tcp(name, options["host"], options["port"], OPEN_S, own_network=options["own_network"])
    return EscposPrinter(name, link, *kind_of(options))


TCP = Driver(
    name="escpos-tcp",
    kind="printer",
    title="ESC/POS printer on the network (TCP, port 9100)",
    maturity="experimental",
    source=_SOURCE,
    options={
        "host": Option(str, "the printer's address", required=True),
        "port": Option(int, "its port", default=9100, minimum=1, maximum=65535),
        "own_network": Option(bool, "the network socket is in the printer itself, not in a print server beside it", default=True),
        **_COMMON,
    },
    open=_open_tcp,
    preview=_preview,
)


def _open_serial(name: str, options: Options) -> Printer:
    from drivers.escpos.link_serial import open_serial
    from drivers.escpos.printer import EscposPrinter

    link = open_serial(name, options["node"], options["baud"], options["flow"])
    return EscposPrinter(name, link, *kind_of(options), bytes_per_s=options["baud"] // 10)


SERIAL = Driver(
    name="escpos-serial",
    kind="printer",
    title="ESC/POS printer on a serial port",
    maturity="experimental",
    source=_SOURCE,
    options={
        "node": Option(str, "the port; a name under /dev/serial/by-id survives replugging", required=True),
        "baud": Option(int, "bits a second, as the printer's switches say", default=38400, minimum=1200, maximum=921600),
        "flow": Option(str, "how the printer says stop: rtscts (its DTR on our CTS) or xonxoff", default="rtscts", choices=_FLOWS),
        **_COMMON,
    },
    open=_open_serial,
    preview=_preview,
)


def _open_lp(name: str, options: Options) -> Printer:
    from drivers.escpos.link_lp import only_node, open_lp
    from drivers.escpos.printer import EscposPrinter

    return EscposPrinter(name, open_lp(name, options["node"] or only_node(name)), *kind_of(options))


def _find_lp() -> Iterable[Found]:
    from drivers.escpos.link_lp import find_lp

    return find_lp()


LP = Driver(
    name="escpos-lp",
    kind="printer",
    title="ESC/POS printer on USB, through the kernel (/dev/usb/lpN)",
    maturity="experimental",
    source=_SOURCE + "; linux drivers/usb/class/usblp.c",
    options={"node": Option(str, "its node under /dev/posagent or /dev/usb; left out: the only one that is plugged in", default=""), **_COMMON},
    open=_open_lp,
    find=_find_lp,
    preview=_preview,
)


def _open_usb(name: str, options: Options) -> Printer:
    from drivers.escpos.link_usb import open_usb
    from drivers.escpos.printer import EscposPrinter

    try:
        vendor, product = int(options["vendor"], 16), int(options["product"], 16)
    except ValueError:
        raise SettingsError(f"{name}: vendor and product are four hexadecimal digits each, as lsusb shows them (04b8 and 0202)") from None
    return EscposPrinter(name, open_usb(name, vendor, product, options["serial"], options["usb_port"]), *kind_of(options))


def _find_usb() -> Iterable[Found]:
    from drivers.escpos.link_usb import find_usb

    return find_usb()


USB = Driver(
    name="escpos-usb",
    kind="printer",
    title="ESC/POS printer on USB, through libusb",
    maturity="experimental",
    source=_SOURCE + "; USB printer class 1.1",
    options={
        "vendor": Option(str, "USB vendor, four hexadecimal digits", required=True),
        "product": Option(str, "USB product, four hexadecimal digits", required=True),
        "serial": Option(str, "the printer's serial number, where two are alike", default=""),
        "usb_port": Option(str, "its place on the bus (1-2.3), where serial numbers are missing", default=""),
        **_COMMON,
    },
    open=_open_usb,
    find=_find_usb,
    preview=_preview,
)


def _open_cups(name: str, options: Options) -> Printer:
    from drivers.escpos.cups import open_cups

    return open_cups(name, options["queue"], *kind_of(options), OPEN_S)


CUPS = Driver(
    name="escpos-cups",
    kind="printer",
    title="ESC/POS printer behind a raw CUPS queue (last resort: CUPS never says whether anything was printed)",
    maturity="experimental",
    source=_SOURCE,
    options={"queue": Option(str, "the raw queue's name", required=True), **_COMMON},
    open=_open_cups,
    preview=_preview,
)
