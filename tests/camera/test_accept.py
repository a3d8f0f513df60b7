"""When a symbol becomes a scan: rules, votes, two codes, and once per showing."""

from __future__ import annotations

from drivers.camera.accept import FOREIGN_NS, REARM_NS, Acceptance, code_rules
from drivers.camera.symbols import Symbol
from posagent.member_code import default_rules, read_rules
from posagent.ports import Scan
from posagent.strict import Table

MS = 1_000_000
NOWHERE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
JAN = Symbol("EAN13", "2012345678903", "E0", b"", NOWHERE, "A")
OTHER_JAN = Symbol("EAN13", "2112345678900", "E0", b"", NOWHERE, "A")
MISREAD = Symbol("EAN13", "6793333865685", "E0", b"", NOWHERE, "A")
CARD = Symbol("Codabar", "A123456784A", "F0", b"", NOWHERE, "C")
PART = Symbol("Codabar", "D16769A", "F0", b"", NOWHERE, "A")
QR = Symbol("QRCode", "https://pay.example/p/1", "Q1", b"", NOWHERE, "B")


def weak_rules() -> Acceptance:
    table = Table.parse('[[code]]\nname="itf"\nkind="member"\nsymbologies=["itf"]\nlength=10')
    return Acceptance(read_rules(table.tables("code")))


def itf(text: str) -> Symbol:
    return Symbol("ITF", text, "I0", b"", NOWHERE, "A")


def test_a_code_of_ours_is_taken_at_once_and_only_once() -> None:
    accept = Acceptance(default_rules())
    assert accept.feed([JAN], 0) == Scan("2012345678903", "E0", at_ns=0)
    assert [accept.feed([JAN], at * 33 * MS) for at in range(1, 100)] == [None] * 99


def test_it_is_taken_again_after_it_left_the_view() -> None:
    accept = Acceptance(default_rules())
    assert accept.feed([JAN], 0)
    assert accept.feed([], REARM_NS // 2) is None
    assert accept.feed([JAN], REARM_NS - 1) is None  # it flickered
    assert accept.feed([JAN], 2 * REARM_NS - 1) is not None


def test_a_phone_that_lies_still_is_not_scanned_again() -> None:
    accept = Acceptance(default_rules())
    assert accept.feed([JAN], 0)
    for at in range(1, 40):
        accept.still(at * 500 * MS)
    assert accept.feed([JAN], 39 * 500 * MS + MS) is None


def test_another_code_is_taken_at_once() -> None:
    accept = Acceptance(default_rules())
    assert accept.feed([JAN], 0)
    assert accept.feed([OTHER_JAN], 33 * MS) == Scan("2112345678900", "E0", at_ns=33 * MS)


def test_a_misreading_that_no_rule_knows_is_not_passed_on() -> None:
    table = Table.parse('[[code]]\nname="jan"\nkind="member"\nsymbologies=["ean13"]\nlength=13\nprefixes=["20-29"]')
    accept = Acceptance(read_rules(table.tables("code")))
    assert accept.feed([MISREAD], 0) is None
    assert accept.feed([PART], 33 * MS) is None
    assert accept.feed([JAN], 66 * MS) is not None


def test_nw7_with_a_check_digit_needs_no_vote() -> None:
    accept = Acceptance(default_rules())
    assert accept.feed([PART], 0) is None
    assert accept.feed([CARD], 33 * MS) == Scan("A123456784A", "F0", at_ns=33 * MS)


def test_a_code_that_checks_nothing_must_be_seen_twice() -> None:
    accept = weak_rules()
    assert accept.feed([itf("0123456789")], 0) is None
    assert accept.feed([itf("0123456789")], 33 * MS) == Scan("0123456789", "I0", at_ns=33 * MS)


def test_two_readings_that_differ_are_no_vote() -> None:
    accept = weak_rules()
    assert accept.feed([itf("0123456789")], 0) is None
    assert accept.feed([itf("0123456780")], 33 * MS) is None
    assert accept.feed([itf("0123456789")], 66 * MS) is None
    assert accept.feed([itf("0123456789")], 99 * MS) is None  # the other one is still among the last three
    assert accept.feed([itf("0123456789")], 132 * MS) is not None


def test_two_codes_of_ours_in_view_are_refused() -> None:
    accept = Acceptance(default_rules(), lambda: [JAN, OTHER_JAN])
    scan = accept.feed([JAN], 0)
    assert scan is not None
    assert scan.quality == "corrupt"
    assert "two different codes" in scan.reason
    assert scan.text == ""


def test_a_foreign_code_beside_ours_does_not_matter() -> None:
    accept = Acceptance(default_rules(), lambda: [JAN, QR])
    scan = accept.feed([JAN], 0)
    assert scan is not None
    assert scan.quality == "ok"


def test_a_code_of_another_shop_is_reported_when_it_stays_and_only_once() -> None:
    accept = Acceptance(default_rules())
    scans = [accept.feed([QR], at * 33 * MS) for at in range(100)]
    assert [scan.text for scan in scans if scan] == [QR.text]
    assert not any(scans[: FOREIGN_NS // (33 * MS)])


def test_rules_of_the_driver_are_read_strictly() -> None:
    import pytest

    from posagent.errors import DeviceError

    assert code_rules("cam", []) == default_rules()
    assert code_rules("cam", [{"name": "x", "kind": "member", "length": 5}])[0].name == "x"
    with pytest.raises(DeviceError, match=r"cam: its code rules .*did you mean 'length'"):
        code_rules("cam", [{"name": "x", "kind": "member", "lenght": 5}])
