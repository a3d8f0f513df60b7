"""A learned profile counts from the next receipt on, outlives a restart, and is taken back when an amount was read wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from posagent.agent import Ask, Say
from posagent.door_room import Doors
from posagent.errors import Refused
from posagent.ports import ReadSale
from posagent.reload import compared
from posagent.settings import CheckoutSettings, DeviceSettings, RegisterSettings, ScreenSettings, Settings, TokenSettings

RECEIPT = "レシートNo.7\nおあいそ 1,980\nお預り 2,000\n".encode("cp932") + b"\x1dV\x00"


class Room:
    """The doors of an agent that only listens."""

    def __init__(self, directory: Path, **options: Any) -> None:
        self.posted: list[Any] = []
        self.folder = directory / "receipts"
        self.folder.mkdir(exist_ok=True)
        self.directory = directory
        agent: Any = SimpleNamespace(post=self.posted.append)
        desk: Any = SimpleNamespace(propose=lambda refund: None)
        self.doors = Doors(agent, directory, desk)
        known = {"profile": "", "profiles": str(self.folder), "trust": "earn", **options}
        self.device = DeviceSettings("till", "sale_door", "capture-printer", known)
        self.sales = self.doors.add(self.device)

    def profile(self, name: str, text: str = 'total = ["おあいそ"]\n') -> None:
        (self.folder / f"{name}.toml").write_text(f'name = "{name}"\n{text}', "utf-8")

    def reads(self) -> int | None:
        """What the door makes of the receipt now."""
        heard: list[Callable[..., Any]] = []
        door: Any = SimpleNamespace(carries="printer", understand_with=heard.append)
        self.sales.prepare(door)
        sales = heard[0](RECEIPT, "bytes").sales
        return sales[0].total if sales else None

    def recorded(self, amount: int) -> None:
        """The door reads a sale, and the cashier enters this amount."""
        self.sales.take(ReadSale(1980, receipt_no="7", digest="d"))
        asked = next(item for item in reversed(self.posted) if isinstance(item, Ask))
        basket = asked.make(SimpleNamespace(), 1).basket  # type: ignore[arg-type,union-attr]
        for trust in self.doors._trusts.values():
            trust.recorded({"key": basket.key, "amount": amount, "paid": True, "door": "typed"})


def test_a_profile_counts_from_the_next_receipt_on_and_after_a_restart(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.profile("acme")
    assert room.reads() is None
    assert (room.doors.profiles("till"), room.doors.chosen("till")) == (["acme"], "")
    room.doors.use("till", "acme")
    assert (room.reads(), room.doors.profile_name("till"), room.doors.chosen("till")) == (1980, "acme", "acme")
    again = Room(tmp_path)
    assert (again.reads(), again.doors.chosen("till")) == (1980, "acme")
    again.doors.use("till", "")
    assert (again.reads(), again.doors.chosen("till")) == (None, "")
    assert Room(tmp_path).reads() is None


def test_one_amount_read_wrong_takes_the_profile_back(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.profile("acme")
    room.doors.use("till", "acme")
    room.recorded(1980)
    assert room.doors.standing("till") == (1, 20)
    room.recorded(1800)
    assert [item.code for item in room.posted if isinstance(item, Say)] == ["E635"]
    assert (room.doors.chosen("till"), room.reads()) == ("", None)
    assert Room(tmp_path).doors.chosen("till") == ""


def test_a_chosen_profile_earns_its_trust_even_where_a_technician_vouches_for_the_settings(tmp_path: Path) -> None:
    room = Room(tmp_path, trust="grant")
    room.profile("acme")
    assert room.doors.standing("till") is None
    room.doors.use("till", "acme")
    assert room.doors.standing("till") == (0, 20)
    room.doors.use("till", "")
    assert room.doors.standing("till") is None


@pytest.mark.parametrize("name", ["nowhere", "../../etc/x", "wrong"])
def test_what_is_no_profile_is_refused_and_the_door_reads_as_before(tmp_path: Path, name: str) -> None:
    room = Room(tmp_path)
    room.profile("wrong", 'totals = ["x"]\n')
    with pytest.raises(Refused) as refused:
        room.doors.use("till", name)
    assert refused.value.code == "E636"
    assert room.doors.chosen("till") == ""
    with pytest.raises(Refused) as unknown:
        room.doors.use("pole", "acme")
    assert unknown.value.code == "E632"


def test_a_choice_that_cannot_be_kept_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(tmp_path)
    room.profile("acme")
    (tmp_path / "doors.new").mkdir()  # the file cannot be written
    with pytest.raises(Refused) as refused:
        room.doors.use("till", "acme")
    assert refused.value.code == "E500"
    assert room.reads() is None


def test_a_chosen_profile_that_is_gone_leaves_the_settings_own(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.profile("acme")
    room.doors.use("till", "acme")
    (room.folder / "acme.toml").unlink()
    assert Room(tmp_path).reads() is None


def test_what_the_settings_name_later_wins_over_what_was_chosen_before(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.profile("acme")
    room.profile("other", "")
    room.doors.use("till", "acme")
    room.doors.settings_changed([replace(room.device, options={**room.device.options, "profile": "other"})])
    assert (room.doors.profile_name("till"), room.doors.chosen("till")) == ("other", "")
    room.doors.settings_changed([replace(room.device, options={**room.device.options, "profile": "nowhere"})])
    assert room.doors.profile_name("till") == "other"


def test_a_reload_takes_up_a_doors_profile_and_nothing_else_of_it(tmp_path: Path) -> None:
    before: Any = _settings(DeviceSettings("till", "sale_door", "d", {"profile": "", "listen": "a"}))
    renamed: Any = _settings(DeviceSettings("till", "sale_door", "d", {"profile": "acme", "listen": "a"}))
    done = compared(before, renamed)
    assert (done.taken, done.waits) == (("[[sale_door]] till profile",), ())
    assert done.settings.devices[0].options["profile"] == "acme"
    moved: Any = _settings(DeviceSettings("till", "sale_door", "d", {"profile": "acme", "listen": "b"}))
    done = compared(before, moved)
    assert done.waits == ("[[sale_door]] till",)
    assert done.settings.devices[0].options == {"profile": "acme", "listen": "a"}


def _settings(device: DeviceSettings) -> Any:
    register = RegisterSettings("acme", "cafe", "0042", "R2", "shop", "ja", "floor")
    screen, checkout = ScreenSettings("", None, ()), CheckoutSettings(120, 2, "C7")
    return Settings(register, Path("j"), None, Path("p"), None, None, screen, checkout, None, (), (device,), TokenSettings())
