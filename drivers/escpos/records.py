"""Owns the driver records of slip printers: their settings, and which line and dialect these open."""

from __future__ import annotations

from typing import Any

from drivers.escpos.dialects import DIALECTS, Dialect
from drivers.escpos.paper import Paper
from posagent.errors import SettingsError
from posagent.ports import Driver, Option, Options, Preview, Printer
from posagent.slips import Slip

OPEN_S = 3.0
"""How long connecting may take."""

_SOURCE = "Epson ESC/POS command reference; Citizen CT-S, Seiko RP, Star, Bixolon and HPRT command manuals (see drivers/escpos/dialects.py)"
_COMMON: dict[str, Option] = {
    "dialect": Option(str, "the family of the printer", default="epson", choices=tuple(DIALECTS)),
    "paper_mm": Option(int, "width of the roll", default=80, choices=(58, 80)),
    "width_dots": Option(int, "printable dots across, where the family's usual width is wrong; 0: usual", default=0, minimum=0, maximum=1024),
    "rom": Option(str, "what the printer's own font has beyond JIS X 0208; '' is the family's usual", default="",
                  choices=("", "ascii", "jis", "row13", "nec")),
}  # fmt: skip


def kind_of(options: Options) -> tuple[Dialect, Paper]:
    """The dialect and the paper that the settings say."""
    from dataclasses import replace

    dialect = DIALECTS[options["dialect"]]
    if options.get("rom"):
        dialect = replace(dialect, rom=options["rom"], kanji="none" if options["rom"] == "ascii" else dialect.kanji)
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
