"""Owns the tree of everything the queue raises on purpose, sorted by who must act; messages say what, where and what to do next.

This package knows nothing of the agent, so the agent translates: JournalLocked is its AlreadyRunning, QueueFull and the other
Journal* kinds are its StorageError, CloudTrouble is its CloudUnavailable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from offline_queue.events import Event


class QueueError(Exception):
    """Root of the tree."""


# ---------------------------------------------------------------- the journal and its disk: store IT must act


class JournalError(QueueError):
    """The journal or its disk refuses."""


class JournalLocked(JournalError):
    """Another process holds the journal; the message names it."""


class JournalForeign(JournalError):
    """The file belongs to another program, or to another register."""


class JournalNewer(JournalError):
    """The file was written by a newer version; an older one must not touch it."""


class JournalReadOnly(JournalError):
    """The directory or the file cannot be written by this user."""


class JournalDamaged(JournalError):
    """The file does not hold what was written to it, and what is left could not be saved by the normal start."""


class JournalFailed(JournalError):
    """The write did not happen: the disk reported an error. The caller may repeat it with the same business key."""


class JournalClosed(JournalError):
    """The write came after the journal was closed."""


class QueueFull(JournalError):
    """Disk and reserve are used up; nothing was recorded. Write down the receipt number: points can be granted later from it."""


# ---------------------------------------------------------------- the caller must act


class EventRefused(QueueError):
    """The event cannot be written as one line of JSON within the limits; the message names the field."""


class KeyConflict(QueueError):
    """The business key stands already with other content. ``stored`` is what stands; nothing was written."""

    def __init__(self, message: str, stored: Event) -> None:
        super().__init__(message)
        self.stored = stored


class JobChanged(QueueError):
    """The print job is no longer in a state that allows this step (somebody cancelled, answered or resolved it meanwhile)."""


class NoSuchEntry(QueueError):
    """There is no event or job of that number or key."""


# ---------------------------------------------------------------- the wire


class WireError(QueueError):
    """What came over the wire is not what the protocol says; ``problem`` is the problem type that answers it."""

    def __init__(self, message: str, problem: str) -> None:
        super().__init__(message)
        self.problem = problem


class SignatureRefused(WireError):
    """The signature is missing, malformed, too old, does not cover enough, or does not verify."""


# ---------------------------------------------------------------- the cloud


class CloudTrouble(QueueError):
    """An exchange with the receiver did not succeed; work waits in its lane."""


class CloudBusy(CloudTrouble):
    """Transient: no answer, a server error, or overload. ``retry_after_s`` is what the server asked for, if it did; ``answered``: the link
    is there, only this request must wait."""

    def __init__(self, message: str, retry_after_s: int | None = None, *, answered: bool = False) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.answered = answered


class CloudHeld(CloudTrouble):
    """Nothing will be sent until somebody has looked (rotations used up, local damage); ``again_s``: when to look again by itself."""

    def __init__(self, message: str, again_s: float) -> None:
        super().__init__(message)
        self.again_s = again_s


class CloudForbidden(CloudTrouble):
    """401 or 403: key or certificate are not accepted; somebody must enrol this register (again)."""
