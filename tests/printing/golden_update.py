"""Writes golden_pictures.json anew: run it after having looked at every changed slip, never before."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

from golden_slips import golden
from PIL import Image

from drivers.escpos.paper import PAPERS
from drivers.escpos.preview import draw


def digest(png: bytes) -> str:
    """Of the dots, not of the compressed file."""
    picture = Image.open(io.BytesIO(png))
    return f"{picture.width}x{picture.height} {hashlib.sha256(picture.tobytes()).hexdigest()[:16]}"


digests = {f"{name}.{lang}.{paper}": digest(draw(slip, shape)) for lang in ("ja", "en") for name, slip in golden(lang).items()
           for paper, shape in PAPERS.items()}  # fmt: skip
Path(__file__).with_name("golden_pictures.json").write_text(json.dumps(digests, indent=1) + "\n")
