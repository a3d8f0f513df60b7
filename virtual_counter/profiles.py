"""Owns what kinds of printer there are: dots, sensors, answers and character sets of a model family, as one frozen record each.

Figures: Epson TM-T88 and TM-m30 specifications (dots, buffers, real-time commands), Citizen CT-S and Seiko RP-F references (dialects);
what cheap clones leave out follows the public capability lists. Speeds are those that the makers print on the box.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True, slots=True)
class PrinterProfile:
    """One model. Booleans say which questions it answers; a printer that does not answer stays silent, it never says "no"."""

    name: str
    width_dots: int = 576
    paper_mm: int = 80
    dpi: Literal[180, 203] = 203
    speed_mm_s: int = 250
    cut_ms: int = 150
    head_to_cutter_mm: int = 12
    ahead_mm: int = 40  # how far the interpreter may run ahead of the head
    buffer_bytes: int = 4096
    line_spacing: int = 30  # dots, after ESC @ and ESC 2
    motion_units: tuple[int, int] | None = None  # units per inch across and down until GS P says otherwise; None: one unit is one dot
    maker: str = "EPSON"
    model: str = "TM-m30II"
    firmware: str = "1.00 ESC/POS"
    serial: str = "VC000001"
    cutter: bool = True
    kanji: Literal["jis", "gb18030"] | None = "jis"
    sjis_lead_max: int = 0xEF  # classic firmware takes 81-9F and E0-EF as the first byte of a kanji; newer one up to FC
    sjis_2004: bool = False  # understands FS C 2
    gs_size_kanji: bool = True  # GS ! enlarges kanji too; many clones want FS ! for them
    nec_rows: bool = True  # row 13 and the NEC-selected rows (circled digits, 髙, 﨑) are in the ROM
    status: bool = True  # DLE EOT
    asb: Literal[0, 4, 8] = 4  # bytes of an automatic status; 8 is the Seiko dialect
    gs_r: bool = True
    identity: bool = True  # GS I 65-69
    process_id: bool = True  # GS ( H
    counters: bool = True  # GS g 2
    buffer_clear: bool = True  # DLE DC4 8
    paper_bits: Literal["both", "low", "high"] = "both"  # which of a sensor's two bits a clone sets
    unknown_prints: bool = False  # an unknown command loses its first two bytes and the rest comes out as text
    qr: bool = True
    nv_flush_s: int = 10  # counters reach the flash after so many quiet seconds
    answer_ms: int = 0
    reset_clears_downloads: bool = False  # ESC @ forgets downloaded graphics

    @property
    def dots_per_mm(self) -> float:
        return self.dpi / 25.4

    def rows(self, millimetres: float) -> int:
        """Dot rows of so many millimetres of paper."""
        return round(millimetres * self.dots_per_mm)

    @property
    def row_s(self) -> float:
        """Seconds of print time for one dot row."""
        return 1.0 / (self.speed_mm_s * self.dots_per_mm)


T3_80 = PrinterProfile("t3-80")
# Epson's TM-T88 counts ESC 3, ESC J and GS V in half dots (GS P, default x = 180, y = 360: TM-T88III specification).
T3_80_180 = PrinterProfile("t3-80-180dpi", width_dots=512, dpi=180, speed_mm_s=300, model="TM-T88VI", motion_units=(180, 360))
T3_58 = PrinterProfile("t3-58", width_dots=420, paper_mm=58)
T2_ID = PrinterProfile("t2-process-id", counters=False, model="TM-T20")
T2_COUNTER = PrinterProfile("t2-counter", process_id=False, maker="CITIZEN", model="CT-S281", speed_mm_s=150)
T1_80 = PrinterProfile(
    "t1-80", process_id=False, counters=False, buffer_clear=False, identity=False, asb=0, maker="", model="", serial="", speed_mm_s=200
)
T1_ONE_BIT = replace(T1_80, name="t1-one-bit-sensor", paper_bits="low")
T1_JP = replace(T1_80, name="t1-jp-clone", gs_size_kanji=False)
T1_GB = replace(T1_80, name="t1-gb18030", kanji="gb18030")
T1_SEIKO = PrinterProfile(
    "t1-seiko", maker="SII", model="RP-F10", asb=8, process_id=False, counters=False, buffer_clear=False, identity=False
)
T0_80 = replace(T1_80, name="t0-80", status=False, gs_r=False)
T0_58 = replace(
    T0_80, name="t0-58", width_dots=384, paper_mm=58, speed_mm_s=90, cutter=False, kanji="gb18030", unknown_prints=True, qr=True
)

PROFILES: dict[str, PrinterProfile] = {
    profile.name: profile
    for profile in (T3_80, T3_80_180, T3_58, T2_ID, T2_COUNTER, T1_80, T1_ONE_BIT, T1_JP, T1_GB, T1_SEIKO, T0_80, T0_58)
}
