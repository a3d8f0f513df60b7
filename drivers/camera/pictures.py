"""Owns reading a picture file into grey, bounded: a file from a customer, a folder or a mail is foreign data.

Limits: 64 MB of file, 50 million pixels after JPEG's own reduction, one frame. Nothing is unpacked before its size is known.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from posagent.errors import PosagentError

if TYPE_CHECKING:
    from drivers.camera.symbols import Luma

FILE_BYTES = 64 << 20
PIXELS = 50_000_000
_KINDS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")


class PictureError(PosagentError):
    """The file is no picture that can be looked at; the message says why and what to do."""

    code = "E306"
    exit_code = 1


def read_picture(path: Path) -> Luma:
    """The picture in grey, upright as its camera meant it, transparent parts white. Raises PictureError."""
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise PictureError(f"{path}: not a file; name a picture file")
        if size > FILE_BYTES:
            raise PictureError(f"{path}: {size >> 20} MB is more than the {FILE_BYTES >> 20} MB that are read; make the picture smaller")
        content = path.read_bytes()
    except OSError as trouble:
        raise PictureError(f"{path}: cannot be read: {trouble.strerror or trouble}; check the name and the permissions") from trouble
    return decode_picture(content, str(path))


def decode_picture(content: bytes, name: str) -> Luma:
    """The same from the file's bytes; ``name`` is for messages."""
    import numpy as np
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large and of odd files; the limit below is ours
            with Image.open(io.BytesIO(content), formats=_KINDS) as picture:
                if picture.format == "JPEG" and picture.width * picture.height > PIXELS // 2:
                    picture.draft("L", (picture.width // 2, picture.height // 2))
                if picture.width * picture.height > PIXELS:
                    wanted = f"{picture.width}x{picture.height} pixels are more than {PIXELS // 1_000_000} million"
                    raise PictureError(f"{name}: {wanted}; make the picture smaller")
                turned = ImageOps.exif_transpose(picture)
                if turned.mode.startswith("I;16"):
                    return np.ascontiguousarray(np.asarray(turned) >> 8, np.uint8)
                if turned.mode in {"RGBA", "LA", "PA"} or (turned.mode == "P" and "transparency" in turned.info):
                    paper = Image.new("RGBA", turned.size, "white")
                    paper.alpha_composite(turned.convert("RGBA"))
                    turned = paper
                return np.ascontiguousarray(np.asarray(turned.convert("L")))
    except UnidentifiedImageError:
        raise PictureError(f"{name}: not a picture ({', '.join(_KINDS)} are read); export it as PNG or JPEG") from None
    except Image.DecompressionBombError:
        raise PictureError(f"{name}: its header promises more pixels than {PIXELS // 1_000_000} million; make the picture smaller") from None
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, OverflowError, IndexError, TypeError, KeyError) as broken:
        # Pillow's decoders raise all of these on damaged files.
        raise PictureError(f"{name}: the picture is damaged ({broken}); export it again") from broken
