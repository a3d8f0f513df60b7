"""Owns the driver `file-watch`: journals and receipt files that a POS writes, read as they grow.

``writes = "append"``: files grow at their end (電子ジャーナル, CSV); what is whole is read once, also over rotation and restarts.
``writes = "whole"``: each file is one receipt, written at once or renamed into the folder, and may be overwritten by the next.

What was read is marked on disk only when the next `read` begins: whoever took the sales has them by then. A crash between the two reads them
again, and the sales carry the same key (`ReadSale.standing`).
"""

from __future__ import annotations

import fnmatch
import logging
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from drivers.doors.file_marks import Marks
from drivers.doors.folder_news import FolderNews
from drivers.doors.options import READING
from posagent.errors import DeviceForbidden, DeviceMissing, SettingsError
from posagent.ports import CapturedSale, Carries, Driver, Heard, Option, Options, Understand

_log = logging.getLogger(__name__)
CHUNK = 64 * 1024
MOST_FILES = 5000
SETTLED_S = 0.5
"""A whole file that nobody has changed for so long is finished, where no closing was heard of."""
FRESH_S = 120.0
"""What was written longer ago than a member would wait is read, but not offered."""
SILENCE_S = 3.0
"""A journal that has not grown for so long ends with a whole receipt, where it does not say so itself."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A file of the folder."""

    path: Path
    key: str  # device and inode
    size: int
    changed_ns: int
    named: bool  # as the pattern says; else a journal that was renamed


class FileWatch:
    """See `posagent.ports.SaleDoor` and `ByteDoor`."""

    carries: Carries = "file"

    def __init__(self, name: str, options: Options) -> None:
        self._name, self._options = name, options
        self._folder = Path(options["folder"])
        if not self._folder.is_absolute():
            raise SettingsError(f"{name}: folder must be an absolute path, not '{options['folder']}'")
        if not self._folder.is_dir():
            raise DeviceMissing(f"{name}: the folder {self._folder} is not there; is the POS's disk or share mounted?", code="E214")
        self._marks = Marks(name, Path(options["state"] or f"/var/lib/posagent/door-{name}.json"))
        self._understand: Understand = lambda _raw, _moment: Heard()
        self._news = FolderNews(self._folder)
        self._dirty = False
        self._looked: dict[str, tuple[_Seen, float]] = {}
        self._fed: dict[str, int] = {}  # how far the reader in memory has gone, beyond the mark
        self._open: str = ""  # the journal whose end is in memory
        self._grown_at = 0.0
        if self._marks.new and options["existing"] == "skip":
            self._skip_all()

    def understand_with(self, understand: Understand) -> None:
        """See `posagent.ports.ByteDoor`."""
        self._understand = understand

    def read(self, timeout_s: float) -> Sequence[CapturedSale]:
        """See the port. Raises DeviceMissing when the folder is gone."""
        if self._dirty:
            self._marks.keep()
            self._dirty = False
        deadline = time.monotonic() + timeout_s
        while True:
            for seen in self._files():
                sales = self._whole(seen) if self._options["writes"] == "whole" else self._grown(seen)
                if sales:
                    return sales
            if self._open and time.monotonic() - self._grown_at >= SILENCE_S and (sales := self._silent()):
                return sales
            if self._dirty:  # read, and no sale in it
                self._marks.keep()
                self._dirty = False
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return ()
            self._news.wait(min(left_s, SETTLED_S if self._options["writes"] == "whole" or self._open else left_s))

    def close(self) -> None:
        """See the port."""
        self._news.close()

    # ------------------------------------------------------------ the folder

    def _files(self) -> list[_Seen]:
        """Regular files of the pattern, and journals under a new name of which something is left; the oldest change first."""
        found = []
        try:
            with os.scandir(self._folder) as entries:
                for count, entry in enumerate(entries):
                    if count >= MOST_FILES:
                        _log.warning("%s: more than %d files in %s; the others are not looked at", self._name, MOST_FILES, self._folder)
                        break
                    try:
                        about = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    key = f"{about.st_dev}:{about.st_ino}"
                    named = fnmatch.fnmatch(entry.name, self._options["pattern"])
                    if stat.S_ISREG(about.st_mode) and (named or self._was_journal(key, about.st_size)):
                        found.append(_Seen(Path(entry.path), key, about.st_size, about.st_mtime_ns, named))
        except PermissionError:
            raise DeviceForbidden(f"{self._name}: permission denied on {self._folder}; user posagent must be able to read it") from None
        except OSError as trouble:
            raise DeviceMissing(f"{self._name}: the folder {self._folder} is gone: {trouble.strerror}", code="E214") from trouble
        return sorted(found, key=lambda seen: (seen.changed_ns, seen.path.name))

    def _was_journal(self, key: str, size: int) -> bool:
        return self._options["writes"] == "append" and (key in self._fed or self._marks.knows(key, size))

    def _skip_all(self) -> None:
        """What lies there at the very first start was sold before we came."""
        for seen in self._files():
            with self._opened(seen) as file:
                if file is not None:
                    self._marks.set(seen.key, file, seen.size, seen.changed_ns)
        self._marks.keep()

    @contextmanager
    def _opened(self, seen: _Seen) -> Iterator[int | None]:
        """None when it is gone, or may not be read."""
        try:
            file = os.open(seen.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as trouble:
            if not isinstance(trouble, FileNotFoundError):
                _log.warning("%s: %s cannot be read: %s", self._name, seen.path, trouble.strerror)
            yield None
            return
        try:
            yield file
        finally:
            os.close(file)

    # ------------------------------------------------------------ journals

    def _grown(self, seen: _Seen) -> Sequence[CapturedSale]:
        with self._opened(seen) as file:
            if file is None:
                return ()
            marked = self._marks.offset(seen.key, file, seen.size)
            if not seen.named and marked <= 0:  # another file, on a journal's old inode
                return ()
            sales: list[CapturedSale] = []
            at = self._fed.get(seen.key, marked)
            if marked < 0 or at > seen.size:
                _log.info("%s: %s was begun anew", self._name, seen.path.name)
                sales += self._silent() if self._open == seen.key else ()
                at = marked = 0
                self._fed.pop(seen.key, None)
                self._set(seen.key, file, 0)
            if at >= seen.size:
                return self._fresh(seen, sales)
            if self._open != seen.key or seen.key not in self._fed:
                sales += self._turn_to(seen.key)
                at = marked
            while at < seen.size and not sales and (raw := os.pread(file, CHUNK, at)):
                at += len(raw)
                heard = self._understand(raw, "bytes")
                sales += heard.sales
                self._fed[seen.key] = at
                self._set(seen.key, file, at - heard.unfinished)
            self._grown_at = time.monotonic()
            return self._fresh(seen, sales)

    def _fresh(self, seen: _Seen, sales: Sequence[CapturedSale]) -> Sequence[CapturedSale]:
        """None of what was sold while nobody looked: its customers are gone, and the next card must not get their points."""
        if not sales or time.time() - seen.changed_ns / 1e9 < FRESH_S:
            return sales
        _log.info("%s: %d sales of %s are older than %.0f s: not offered", self._name, len(sales), seen.path.name, FRESH_S)
        return ()

    def _turn_to(self, key: str) -> Sequence[CapturedSale]:
        """Another journal: what stood unfinished in the one before ends here."""
        sales = self._silent() if self._open else ()
        self._open = key
        return sales

    def _silent(self) -> Sequence[CapturedSale]:
        heard = self._understand(b"", "silence")
        key, self._open = self._open, ""
        fed = self._fed.pop(key, None)
        seen = next((one for one in self._files() if one.key == key), None)
        if seen is not None and fed is not None:
            with self._opened(seen) as file:
                if file is not None:
                    self._set(key, file, fed - heard.unfinished)
                    if heard.unfinished:
                        self._fed[key] = fed - heard.unfinished
        return heard.sales

    def _set(self, key: str, file: int, offset: int) -> None:
        self._marks.set(key, file, offset)
        self._dirty = True

    # ------------------------------------------------------------ whole files

    def _whole(self, seen: _Seen) -> Sequence[CapturedSale]:
        if seen.changed_ns == self._marks.stamp(seen.key) or not self._is_settled(seen):
            return ()
        with self._opened(seen) as file:
            if file is None:
                return ()
            raw = os.pread(file, CHUNK * 4 + 1, 0)
            self._marks.set(seen.key, file, len(raw), seen.changed_ns)
            self._dirty = True
        return self._fresh(seen, [*self._understand(raw, "bytes").sales, *self._understand(b"", "closed").sales])


    def _is_settled(self, seen: _Seen) -> bool:
        """The same at two looks that lie apart; the clock of whoever wrote it may be another than ours."""
        known = self._looked.get(seen.key)
        if known is None or known[0] != seen:
            self._looked = {key: look for key, look in self._looked.items() if time.monotonic() - look[1] < 60} | {
                seen.key: (seen, time.monotonic())
            }
            return False
        return time.monotonic() - known[1] >= SETTLED_S


def _open(name: str, options: Options) -> FileWatch:
    return FileWatch(name, options)


DRIVER = Driver(
    name="file-watch",
    kind="sale_door",
    title="journals or receipt files that the POS writes",
    maturity="experimental",
    source="inotify(7)",
    options={
        "folder": Option(str, "where the POS writes", required=True),
        "pattern": Option(str, "which files", "*.txt"),
        "writes": Option(str, "append: journals that grow; whole: a receipt per file", "append", choices=("append", "whole")),
        "existing": Option(
            str, "what lies there when the door is opened for the very first time: skip it, or read it", "skip", choices=("skip", "read")
        ),
        "state": Option(str, "where it is kept how far was read; empty: /var/lib/posagent/door-NAME.json", ""),
        **READING,
    },
    open=_open,
)
