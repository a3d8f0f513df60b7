"""Owns what an update of the package asks of the version that is installed: copies to go back to, a trial on the copy, what is unsent.

The package's scripts (systemd/debian) call it as `python -m posagent.upgrade`:

    copy --to VERSION --reads N   before the new files: a copy of the journal; refuses where the new version could not read it  (as posagent)
    repack VERSION                before the new files: the installed package as a .deb, made from its own files               (as root)
    check                         after them: the new version reads the settings and opens the copy                            (as posagent)
    unsent --note                 before a removal: how many events head office has not got, for a later purge                 (as posagent)
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from argparse import ArgumentParser
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from posagent.errors import PosagentError, SettingsError, StorageError
from posagent.settings import DEFAULT_PATH, load_settings

USUAL_JOURNAL = Path("/var/lib/posagent")
DATABASE = "queue.db"
KEPT = Path("/var/cache/posagent")
DPKG = Path("/var/lib/dpkg/info")
SPARE = 20 << 20
"""Bytes that stay free beside a copy: the register goes on selling meanwhile."""
SCRIPTS = ("preinst", "postinst", "prerm", "postrm", "md5sums")
FIELDS = frozenset({"Package", "Version", "Architecture", "Maintainer", "Installed-Size", "Depends", "Section", "Priority", "Description"})
"""Of dpkg's record; the rest (Status, Config-Version) is of the installation, not of the package."""


def journal_directory(settings: Path) -> Path:
    """Where the journal is; the usual place where there are no settings, or wrong ones."""
    try:
        return load_settings(settings, safe_mode=True)[0].journal
    except SettingsError:
        return USUAL_JOURNAL


def copy_journal(journal: Path, to: str, reads: int) -> Path | None:
    """A copy of the journal beside it, in "upgrade"; None where there is no journal yet. Raises StorageError in words for store IT."""
    source = journal / DATABASE
    if not source.exists():
        return None
    from offline_queue.errors import JournalError
    from offline_queue.snapshots import snapshot

    version = _journal_version(source)
    if version > reads:
        raise StorageError(
            f"{source}: the journal's form is {version}, posagent {to} reads up to {reads}; install a version that is not older than this one"
        )
    target = journal / "upgrade" / DATABASE
    target.parent.mkdir(mode=0o700, exist_ok=True)
    need, free = source.stat().st_size + SPARE, shutil.disk_usage(target.parent).free
    if free < need:
        raise StorageError(
            f"{target.parent}: {free >> 20} MB free, the copy of the journal that an update keeps needs {need >> 20} MB. Make room, for example"
            " with journalctl --vacuum-size=50M or apt-get clean, then install again",
            code="E506",
        )
    fresh = target.with_name("queue.new.db")
    fresh.unlink(missing_ok=True)
    try:
        snapshot(journal, fresh)
    except JournalError as trouble:
        raise StorageError(str(trouble)) from trouble
    fresh.replace(target)
    return target


def _journal_version(path: Path) -> int:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)) as reader:
            return int(reader.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.Error as trouble:
        raise StorageError(f"{path}: cannot be read ({trouble}); posagent queue verify says more") from trouble


def repack(version: str, kept: Path = KEPT, info: Path = DPKG, package: str = "posagent") -> Path:
    """The installed package as a .deb, from its own files. One older one stays in ``kept``: it may be what is being installed now.
    Raises StorageError."""
    kept.mkdir(mode=0o755, parents=True, exist_ok=True)
    try:
        control = _dpkg_query("--status", package)
        files = [Path(line) for line in _dpkg_query("--listfiles", package).splitlines() if line.startswith("/") and line != "/."]
        with TemporaryDirectory(prefix=".stage-", dir=kept) as scratch:
            tree = Path(scratch)
            (tree / "DEBIAN").mkdir(mode=0o755)
            (tree / "DEBIAN").chmod(0o755)
            tree.chmod(0o755)
            fields = {name: field for field in re.split(r"\n(?=\S)", control.strip()) if (name := field.partition(":")[0]) in FIELDS}
            (tree / "DEBIAN/control").write_text("\n".join(fields.values()) + "\n", "utf-8")
            for name in SCRIPTS:
                if (given := info / f"{package}.{name}").exists():
                    shutil.copy(given, tree / "DEBIAN" / name)
            folders = {folder for path in files for folder in path.parents}
            for path in files:
                _stage(path, tree / path.relative_to("/"), is_folder=path in folders)
            target = kept / f"{package}_{version}_{fields['Architecture'].split()[1]}.deb"
            fresh = target.with_suffix(".new")
            try:
                _run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", str(tree), str(fresh))
                fresh.chmod(0o644)
                fresh.replace(target)
            finally:
                fresh.unlink(missing_ok=True)
    except OSError as trouble:
        raise StorageError(f"{kept}: the installed version could not be kept ({trouble}); make room there, then install again") from trouble
    others = sorted((path for path in kept.glob(f"{package}_*.deb") if path != target), key=lambda path: path.stat().st_mtime)
    for older in others[:-1]:
        older.unlink()
    return target


def _stage(path: Path, target: Path, *, is_folder: bool) -> None:
    """Puts an installed file into the tree: as a link where that can be, for the file system has it already. (On a merged /usr a package's
    folder is a link of the system's.)"""
    if is_folder or (path.is_dir() and not path.is_symlink()):
        target.mkdir(parents=True, exist_ok=True)
        return
    if not os.path.lexists(path):
        return  # somebody has deleted it; the package goes on without
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, target, follow_symlinks=False)
    except OSError:  # another file system
        shutil.copy2(path, target, follow_symlinks=False)


def _dpkg_query(*words: str) -> str:
    return _run("dpkg-query", *words)


def _run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=os.environ | {"LC_ALL": "C.UTF-8"})
    if done.returncode:
        raise StorageError(f"{' '.join(words[:2])}: {done.stderr.strip() or f'exit status {done.returncode}'}")
    return done.stdout


def check(settings_file: Path) -> str:
    """What this version says of the register's settings and of the copy of its journal. Raises PosagentError."""
    from offline_queue.errors import JournalError
    from offline_queue.journal import Journal

    settings, _ = load_settings(settings_file)
    copy = settings.journal / "upgrade" / DATABASE
    if not copy.exists():
        return "the settings are good; there is no journal yet"
    need, free = copy.stat().st_size + SPARE, shutil.disk_usage(copy.parent).free
    if free < need:
        raise StorageError(f"{copy.parent}: {free >> 20} MB free, the trial of the new version needs {need >> 20} MB; make room", code="E506")
    place = settings.register
    with TemporaryDirectory(prefix="trial-", dir=copy.parent) as scratch:
        shutil.copy(copy, scratch)
        try:
            journal = Journal.open(Path(scratch), source=f"/t/{place.company}/s/{place.store}/r/{place.register}", reserve_mb=0)
        except JournalError as trouble:
            raise StorageError(str(trouble)) from trouble
        try:
            last, _ = journal.reader().head()
        finally:
            journal.close()
    return f"the settings are good; the journal's copy opens, {last} events"


def unsent(journal: Path) -> int:
    """How many events head office has not acknowledged. Raises StorageError."""
    if not (journal / DATABASE).exists():
        return 0
    from offline_queue.errors import JournalError
    from offline_queue.report import Report

    try:
        report = Report(journal)
        count = int(report.status()["pending"])
        report.close()
    except JournalError as trouble:
        raise StorageError(str(trouble)) from trouble
    return count


def main(words: list[str]) -> int:
    """Entry point; returns the exit code, with the reason on standard error."""
    parser = ArgumentParser(prog="posagent.upgrade", description="called by the package's scripts")
    parser.add_argument("--settings", type=Path, default=DEFAULT_PATH)
    subs = parser.add_subparsers(dest="what", required=True)
    copying = subs.add_parser("copy")
    copying.add_argument("--to", required=True)
    copying.add_argument("--reads", type=int, required=True)
    subs.add_parser("repack").add_argument("version")
    subs.add_parser("check")
    subs.add_parser("unsent").add_argument("--note", action="store_true")
    args = parser.parse_args(words)
    os.umask(0o022 if args.what == "repack" else 0o077)
    try:
        match args.what:
            case "copy":
                made = copy_journal(journal_directory(args.settings), args.to, args.reads)
                sys.stdout.write(f"posagent: the journal is copied to {made}\n" if made else "")
            case "repack":
                sys.stdout.write(f"posagent: to go back: dpkg -i {repack(args.version)}\n")
            case "check":
                sys.stdout.write(f"posagent: {check(args.settings)}\n")
            case _:
                journal = journal_directory(args.settings)
                count = unsent(journal)
                sys.stdout.write(f"{count}\n")
                if args.note and journal.exists():
                    (journal / "unsent").write_text(f"{count}\n", "ascii")
    except PosagentError as trouble:
        sys.stderr.write(f"posagent: [{trouble.code}] {trouble}\n")
        return trouble.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
