"""Owns what the character ROM makes of bytes: code pages, national replacements, kanji. Nothing here knows about commands.

Code pages by the number of ESC t and replacements by the number of ESC R as in Epson's character code tables; page 1 (katakana) is
JIS X 0201 with the block graphics that Japanese printers have had around it since the 1980s.
"""

from __future__ import annotations

from virtual_counter.profiles import PrinterProfile

UNKNOWN = "〓"  # what is printed for a code without a glyph

_PAGES = {
    0: "cp437", 2: "cp850", 3: "cp860", 4: "cp863", 5: "cp865", 11: "cp850", 13: "cp857", 14: "cp737", 15: "iso8859_7", 16: "cp1252",
    17: "cp866", 18: "cp852", 19: "cp858", 20: "cp874", 33: "cp775", 34: "cp855", 36: "cp862", 37: "cp864", 39: "iso8859_2",
    40: "iso8859_15", 45: "cp1250", 46: "cp1251", 47: "cp1253", 48: "cp1254", 49: "cp1255", 50: "cp1256", 51: "cp1257", 52: "cp1258",
}  # fmt: skip

_REPLACED = "#$@[\\]^`{|}~"
_NATIONAL = (
    "#$@[\\]^`{|}~", "#$à°ç§^`éùè¨", "#$§ÄÖÜ^`äöüß", "£$@[\\]^`{|}~", "#$@ÆØÅ^`æøå~", "#¤ÉÄÖÅÜéäöåü", "#$@°\\é^ùàòèì", "₧$@¡Ñ¿^`¨ñ}~",
    "#$@[¥]^`{|}‾", "#¤ÉÆØÅÜéæøåü", "#$ÉÆØÅÜéæøåü", "#$á¡Ñ¿é`íñóú", "#$á¡Ñ¿éüíñóú", "#$@[₩]^`{|}~",
)  # fmt: skip

_KATAKANA_LOW = "▁▂▃▄▅▆▇█▏▎▍▌▋▊▉┼┴┬┤├▔─│▕┌┐└┘╭╮╰╯\u00a0"  # 80-A0
_KATAKANA_HIGH = "═╞╪╡◢◣◥◤♠♥♦♣●○╱╲╳円年月日時分秒〒市区町村人▒ "  # E0-FF

KATAKANA_PAGE = 1
JAPAN = 8


def single_byte(code: int, page: int, country: int) -> str:
    """The character of one byte, 20-FF."""
    if code < 0x80:
        char = chr(code)
        place = _REPLACED.find(char)
        if place < 0 or country >= len(_NATIONAL):
            return char
        return _NATIONAL[country][place]
    if page == KATAKANA_PAGE:
        if code <= 0xA0:
            return _KATAKANA_LOW[code - 0x80]
        if code >= 0xE0:
            return _KATAKANA_HIGH[code - 0xE0]
        return chr(0xFF61 + code - 0xA1)
    name = _PAGES.get(page)
    if name is None:
        return UNKNOWN
    try:
        return bytes((code,)).decode(name)
    except UnicodeDecodeError:
        return UNKNOWN


def is_lead(code: int, profile: PrinterProfile, system: int) -> bool:
    """Whether a byte opens a two-byte kanji in Shift_JIS (``system`` as in FS C)."""
    top = 0xFC if system == 2 else profile.sjis_lead_max  # FS C 2
    return 0x81 <= code <= 0x9F or 0xE0 <= code <= top


def kanji_jis(high: int, low: int, profile: PrinterProfile) -> str | None:
    """The character of two 7-bit JIS X 0208 bytes; None when there is no such glyph."""
    return _decode(bytes((0x1B, 0x24, 0x42, high, low, 0x1B, 0x28, 0x42)), "iso2022_jp_ext") or _nec(high, low, profile)


def _nec(high: int, low: int, profile: PrinterProfile) -> str | None:
    if not profile.nec_rows:
        return None
    row, cell = high - 0x21, low - 0x21
    if not (0 <= row < 94 and 0 <= cell < 94):  # a JIS plane is 94 by 94
        return None
    lead = row // 2 + (0x81 if row < 62 else 0xC1)
    trail = (cell + 0x9F) if row % 2 else cell + 0x40 + (cell >= 63)
    return _decode(bytes((lead, trail)), "cp932")


def kanji_sjis(lead: int, trail: int, profile: PrinterProfile, system: int) -> str | None:
    """The character of two Shift_JIS bytes; None when there is no such glyph."""
    pair = bytes((lead, trail))
    if system == 2 and profile.sjis_2004:
        return _decode(pair, "shift_jis_2004")
    return _decode(pair, "cp932" if profile.nec_rows else "shift_jis")


def kanji_gb(lead: int, trail: int) -> str | None:
    """The character of two GB18030 bytes; None when there is no such glyph."""
    return _decode(bytes((lead, trail)), "gb18030")


def _decode(raw: bytes, codec: str) -> str | None:
    try:
        text = raw.decode(codec)
    except UnicodeDecodeError:
        return None
    return text if len(text) == 1 else None
