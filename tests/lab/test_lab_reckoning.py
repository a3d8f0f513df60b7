"""The lab's books find what they are there to find: lost and doubled grants, lost and doubled paper."""

from __future__ import annotations

from typing import Any

import pytest

from tools.lab.reckoning import Piece, wrong_grants, wrong_slips

SLIP = "0001-R1-20261122-1"


def told(points: int = 19, slips: tuple[str, ...] = (SLIP,)) -> dict[str, Any]:
    return {"sale_id": "s1", "number": 1, "points": points, "slips": list(slips)}


def row(kind: str = "grant", points: int = 19) -> dict[str, Any]:
    return {"sale_id": "s1", "number": 1, "points": points, "kind": kind}


def paper(*, complete: bool = True, void: bool = False, copy: bool = False, serials: tuple[str, ...] = (SLIP,)) -> Piece:
    return Piece("paper-001.png", serials, complete, void, copy)


def test_a_grant_that_was_told_once_and_arrived_once_is_right() -> None:
    assert wrong_grants([told()], [], [row()]) == []


@pytest.mark.parametrize(
    ("promised", "arrived"),
    [
        ([told()], []),
        ([told()], [row(), row()]),
        ([], [row()]),
        ([told(), told()], [row()]),
        ([told(19)], [row(points=20)]),
    ],
    ids=["lost", "doubled", "never told", "told twice", "other points"],
)
def test_anything_else_is_found(promised: list[dict[str, Any]], arrived: list[dict[str, Any]]) -> None:
    assert wrong_grants(promised, [], arrived)


def test_a_void_that_did_not_arrive_is_found() -> None:
    assert wrong_grants([told()], [{"sale_id": "s1"}], [row()]) == ["1 voids were told, 0 arrived"]
    assert wrong_grants([told()], [{"sale_id": "s1"}], [row(), row("void", -19)]) == []


@pytest.mark.parametrize(
    "pieces",
    [[paper()], [paper(copy=True)], [paper(complete=False), paper(void=True), paper(copy=True)]],
    ids=["original", "a copy alone", "half, void strip, copy"],
)
def test_a_slip_that_lies_in_the_tray_once_is_right(pieces: list[Piece]) -> None:
    assert wrong_slips([told()], {SLIP: "printed"}, pieces) == []


@pytest.mark.parametrize(
    "pieces",
    [[], [paper(), paper()], [paper(), paper(copy=True)], [paper(complete=False)], [paper(void=True)]],
    ids=["lost", "doubled", "a copy beside its original", "not cut off", "void"],
)
def test_a_slip_that_does_not_is_found(pieces: list[Piece]) -> None:
    assert wrong_slips([told()], {SLIP: "printed"}, pieces)


def test_a_cancelled_slip_must_not_be_on_paper() -> None:
    assert wrong_slips([told()], {SLIP: "cancelled"}, []) == []
    assert wrong_slips([told()], {SLIP: "cancelled"}, [paper()])


def test_paper_that_nobody_promised_is_found() -> None:
    assert wrong_slips([], {}, [paper()]) == [f"slip {SLIP}: on paper, but nobody promised it"]
