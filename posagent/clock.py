"""Owns whether the register's clock may be believed to the half minute."""

from __future__ import annotations

TRUSTED_MS = 30_000
"""How far the receiver's clock may be from ours before ours is doubted: a third of a time-limited code's life."""
_TIMEX_WORDS = 64  # struct timex has 208 bytes on 64-bit Linux (linux/timex.h); more room does no harm
_TIME_ERROR = 5  # linux/timex.h


def kernel_synchronised() -> bool | None:
    """Whether a time service (chrony, systemd-timesyncd, ntpd) keeps the clock; None where the kernel may not be asked (a syscall filter).

    adjtimex(2) with modes 0 only reads; it answers TIME_ERROR while STA_UNSYNC stands."""
    import ctypes

    answer: int = ctypes.CDLL(None).adjtimex((ctypes.c_ulong * _TIMEX_WORDS)())
    return None if answer < 0 else answer != _TIME_ERROR


def believable(kernel: bool | None, offset_ms: int | None) -> bool:
    """``kernel`` as above; ``offset_ms``: the receiver's clock minus ours when last compared, None: never. A clock that the receiver
    contradicts is not believed, whatever the kernel says; one that nobody vouches for neither."""
    if offset_ms is not None and abs(offset_ms) > TRUSTED_MS:
        return False
    return offset_ms is not None if kernel is None else kernel
