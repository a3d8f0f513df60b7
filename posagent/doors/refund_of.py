"""Owns the number of the original sale on a refund's receipt: 元レシートNo.0042, 原取引番号 0042, Original receipt #0042. PURE."""

from __future__ import annotations

import re
import unicodedata

_NAMED = re.compile(
    r"(?:元|原|original )(?:の)?(?:取引|レシート|伝票|売上|会計|領収[書証]?|receipt|transaction|sale|ticket) ?(?:番号|no|number|id|#)?[ .:#]*"
    r"(?P<no>[A-Za-z]{0,6}[-_]?\d[\w-]{0,39})(?![\w/年.,])",
    re.IGNORECASE,
)


def original_no(text: str) -> str | None:
    """None where none is named, or two that differ: then nobody can know which sale comes back. A date or an amount is no number."""
    found = {match["no"] for line in unicodedata.normalize("NFKC", text).splitlines() for match in _NAMED.finditer(" ".join(line.split()))}
    return found.pop() if len(found) == 1 else None
