"""Owns the repair of a damaged journal file: what can be proven is carried into a new file, what is missing is named."""

from __future__ import annotations

from pathlib import Path


def resume(directory: Path, source: str) -> str | None:
    """Finishes a repair that was interrupted; what was done, or None."""
    return None


def repair(directory: Path, source: str, reason: str) -> str:
    raise NotImplementedError
