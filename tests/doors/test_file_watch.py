"""Journals and receipt files: read as they grow, over rotation, restarts and half receipts, and nothing twice."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.doors import file_watch
from drivers.doors.file_watch import DRIVER, FileWatch
from posagent.door_taps import Ears, FileTap
from posagent.doors.profiles import PLAIN, Profile, read_profile
from posagent.errors import DeviceError, DeviceMissing
from posagent.ports import CapturedSale, ReadSale

END = "==== END ====\n"


def receipt(number: int, total: int = 1080) -> str:
    return f"レシートNo.{number:04}\n合計 ¥{total:,}\n現金 ¥{total:,}\n{END}"


JOURNAL = Profile(name="journal", ends=("==== END",))


class Shop:
    """A POS's folder and a door on it, which can be restarted."""

    def __init__(self, folder: Path, profile: Profile, **options: Any) -> None:
        self.folder, self.profile = folder, profile
        defaults = {name: option.default for name, option in DRIVER.options.items()}
        self.options = defaults | {"folder": str(folder), "state": str(folder.parent / "marks.json")} | options
        self.door = self._opened()

    def _opened(self) -> FileWatch:
        door = FileWatch("journal", self.options)
        door.understand_with(FileTap("journal", Ears(lambda: self.profile, lambda _receipt: None)).take)
        return door

    def write(self, text: str, name: str = "j.txt", encoding: str = "cp932", mode: str = "ab") -> None:
        with (self.folder / name).open(mode) as file:
            file.write(text.replace("¥", "\\").encode(encoding))

    def read(self, count: int, tries: int = 40) -> list[CapturedSale]:
        """Until so many sales came, and one time more, which must bring nothing."""
        found: list[CapturedSale] = []
        for _ in range(tries):
            found += self.door.read(0.1)
            if len(found) >= count:
                break
        return [*found, *self.door.read(0.05)]

    def numbers(self, count: int) -> list[str | None]:
        return [sale.receipt_no for sale in self.read(count)]

    def restart(self, *, killed: bool = False) -> None:
        """``killed``: before what was read last could be marked."""
        if not killed:
            self.door.read(0)
        self.door.close()
        self.door = self._opened()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Callable[..., Shop]]:
    made: list[Shop] = []
    (tmp_path / "pos").mkdir()

    def start(profile: Profile = JOURNAL, **options: Any) -> Shop:
        made.append(Shop(tmp_path / "pos", profile, **options))
        return made[-1]

    yield start
    for one in made:
        one.door.close()


@pytest.mark.parametrize("encoding", ["cp932", "utf-8"])
def test_receipts_are_read_as_they_are_written(shop: Callable[..., Shop], encoding: str) -> None:
    here = shop()
    here.write(receipt(1) + receipt(2), encoding=encoding)
    sales = here.read(2)
    assert [(sale.receipt_no, sale.total, sale.paid) for sale in sales] == [("0001", 1080, True), ("0002", 1080, True)]


def test_half_a_receipt_waits_for_its_other_half_even_in_the_middle_of_a_character(shop: Callable[..., Shop]) -> None:
    here = shop()
    whole = receipt(1).replace("¥", "\\").encode("cp932")
    for begin, end in ((0, 5), (5, 23), (23, len(whole))):
        assert here.read(0) == []
        with (here.folder / "j.txt").open("ab") as file:
            file.write(whole[begin:end])
    assert here.numbers(1) == ["0001"]


def test_what_was_there_at_the_very_first_start_is_history(shop: Callable[..., Shop], tmp_path: Path) -> None:
    (tmp_path / "pos" / "j.txt").write_bytes(receipt(1).encode("cp932", "replace"))
    here = shop()
    here.write(receipt(2))
    assert here.numbers(1) == ["0002"]


def test_a_restart_in_the_middle_of_a_file_reads_nothing_twice_and_skips_nothing(shop: Callable[..., Shop]) -> None:
    here = shop()
    here.write(receipt(1) + receipt(2)[:30])
    assert here.numbers(1) == ["0001"]
    here.restart()
    here.write(receipt(2)[30:])
    assert here.numbers(1) == ["0002"]
    here.restart()
    assert here.read(0) == []


def test_a_kill_before_the_mark_brings_the_same_sale_with_the_same_key(shop: Callable[..., Shop]) -> None:
    here = shop()
    here.write(receipt(1))
    first: Any = []
    while not first:
        first = here.door.read(0.1)
    here.restart(killed=True)
    again = here.read(1)
    assert len(again) == 1
    assert isinstance(first[0], ReadSale)
    assert isinstance(again[0], ReadSale)
    assert first[0].standing
    assert (first[0].digest, first[0].receipt_no) == (again[0].digest, again[0].receipt_no)


def test_a_journal_that_is_renamed_is_read_to_its_end_and_the_new_one_from_its_beginning(shop: Callable[..., Shop]) -> None:
    here = shop()
    here.write(receipt(1))
    assert here.numbers(1) == ["0001"]
    here.write(receipt(2))
    (here.folder / "j.txt").rename(here.folder / "j.txt.1")
    here.write(receipt(3))
    assert sorted(here.numbers(2), key=str) == ["0002", "0003"]


def test_a_journal_that_is_cut_to_nothing_and_begun_anew_is_read_anew(shop: Callable[..., Shop]) -> None:
    here = shop()
    here.write(receipt(1) + receipt(2))
    assert here.numbers(2) == ["0001", "0002"]
    here.write(receipt(3), mode="wb")
    assert here.numbers(1) == ["0003"]
    here.write(receipt(4) + receipt(5) + receipt(6), mode="wb")  # longer than before, by the next look
    assert here.numbers(3) == ["0004", "0005", "0006"]


def test_without_an_end_a_receipt_ends_when_the_journal_stops_growing(shop: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_watch, "SILENCE_S", 0.2)
    here = shop(PLAIN)
    here.write(receipt(1).replace(END, ""))
    assert here.numbers(1) == ["0001"]
    here.restart()
    here.write(receipt(2).replace(END, ""))
    assert here.numbers(1) == ["0002"]


def test_a_file_that_is_one_receipt_is_read_once_for_each_time_it_is_written(
    shop: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_watch, "SETTLED_S", 0.05)
    here = shop(PLAIN, writes="whole", pattern="*.txt")
    here.write(receipt(1), "last.txt", mode="wb")
    assert here.numbers(1) == ["0001"]
    here.write(receipt(2), "last.tmp", mode="wb")
    (here.folder / "last.tmp").rename(here.folder / "last.txt")
    assert here.numbers(1) == ["0002"]
    here.restart()
    assert here.read(0) == []


def test_a_table_is_read_by_its_columns(shop: Callable[..., Shop]) -> None:
    profile, problems = read_profile('name = "csv"\n[table]\ntotal = 3\nreceipt_no = 1\nkind = 2\nsales = ["売上"]\nrefunds = ["返品"]\n')
    assert not problems
    here = shop(profile, pattern="*.csv")
    rows = '番号,区分,金額\n0001,売上,"1,080"\n0002,返品,540\n0003,精算,152300\n0004,売上,'
    here.write(rows, "sales.csv")
    assert [(sale.receipt_no, sale.kind, sale.total) for sale in here.read(2)] == [("0001", "sale", 1080), ("0002", "refund", -540)]
    here.write("2160\n", "sales.csv")
    assert [(sale.receipt_no, sale.total) for sale in here.read(1)] == [("0004", 2160)]


def test_old_sales_that_are_found_after_a_pause_are_not_offered(shop: Callable[..., Shop]) -> None:
    here = shop()
    here.write(receipt(1))
    os.utime(here.folder / "j.txt", (1_000_000_000, 1_000_000_000))
    assert here.read(0) == []
    here.write(receipt(2))
    assert here.numbers(1) == ["0002"]


def test_other_files_links_and_folders_are_left_alone(shop: Callable[..., Shop], tmp_path: Path) -> None:
    here = shop()
    (tmp_path / "secret").write_text(receipt(9), "utf-8")
    (here.folder / "link.txt").symlink_to(tmp_path / "secret")
    (here.folder / "sub.txt").mkdir()
    here.write(receipt(1), "other.log")
    assert here.read(0) == []


def test_a_folder_that_is_gone_and_marks_that_are_spoilt_are_told(shop: Callable[..., Shop], tmp_path: Path) -> None:
    here = shop()
    (tmp_path / "marks.json").write_text("{", "utf-8")
    with pytest.raises(DeviceError, match="move it away"):
        here.restart(killed=True)
    here.folder.rename(tmp_path / "elsewhere")
    with pytest.raises(DeviceMissing, match="gone"):
        here.door.read(0)
