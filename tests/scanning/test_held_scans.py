"""A routed scanner's scans inside the reader process, without processes: nothing disappears without a word."""

from __future__ import annotations

import threading
from dataclasses import asdict
from typing import Any

from posagent.errors import DeviceMissing
from posagent.held_scans import HeldScans
from posagent.ports import Scan
from posagent.scan_router import Route

ROUTE = {**asdict(Route(answer_ms=50))}


class Typist:
    """Types into a list; ``gone``: its keyboard is no more."""

    def __init__(self, *, gone: bool = False) -> None:
        self.typed: list[str] = []
        self.gone = gone
        self.closed = False

    def type(self, text: str) -> str:
        if self.gone:
            raise DeviceMissing("the keyboard is gone")
        self.typed.append(text)
        return ""

    def close(self) -> None:
        self.closed = True


class Agent:
    """Answers every offer with ``ours`` from another thread, or not at all (None)."""

    def __init__(self, ours: bool | None) -> None:
        self.ours = ours
        self.frames: list[dict[str, Any]] = []
        self.told = threading.Condition()
        self.held: HeldScans | None = None

    def send(self, kind: str, **fields: Any) -> None:
        with self.told:
            self.frames.append({"type": kind, **fields})
            self.told.notify_all()
        if kind == "offer" and self.ours is not None and self.held:
            threading.Thread(target=self.held.answer, args=(fields["number"], self.ours)).start()

    def wait(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        with self.told:
            assert self.told.wait_for(lambda: sum(frame["type"] == kind for frame in self.frames) >= count, 10)
            return [frame for frame in self.frames if frame["type"] == kind]


def held(agent: Agent, typist: Typist) -> HeldScans:
    made = agent.held = HeldScans("till", typist, ROUTE, agent.send)
    made.daemon = True
    made.start()
    return made


def test_what_is_the_agents_is_handed_over_and_not_typed() -> None:
    agent, typist = Agent(ours=True), Typist()
    held(agent, typist).take(Scan("2012345678903", "E0", sent="]E02012345678903\r"))
    (scan,) = agent.wait("scan")
    assert (scan["text"], scan["aim"]) == ("2012345678903", "E0")
    assert typist.typed == []


def test_who_has_the_rules_asks_nobody() -> None:
    agent, typist = Agent(ours=None), Typist()
    router = HeldScans("till", typist, {**ROUTE, "answer_ms": 60_000}, agent.send, lambda: lambda text, aim: (text, aim) == ("222", "E0"))
    router.start()
    for text in ("111", "222", "333"):
        router.take(Scan(text, "E0", sent=f"{text}\r"))
    router.take(Scan("", quality="corrupt", reason="noise"))
    assert [scan["text"] for scan in agent.wait("scan", 2)] == ["222", ""]
    assert typist.typed == ["111\r", "333\r"]
    assert {frame["type"] for frame in agent.frames} == {"scan"}


def test_an_answer_to_an_offer_that_is_over_is_told_only_when_it_was_ours() -> None:
    agent, typist = Agent(ours=None), Typist()
    router = held(agent, typist)
    router.take(Scan("111", sent="111\r"))
    router.take(Scan("222", sent="222\r"))
    agent.wait("offer", 2)
    router.answer(1, ours=False)
    router.answer(1, ours=True)
    (told,) = agent.wait("told")
    assert told["code"] == "E323"


def test_a_keyboard_that_is_gone_tells_of_every_scan_it_could_not_type() -> None:
    agent, typist = Agent(ours=False), Typist(gone=True)
    router = held(agent, typist)
    for text in ("111", "222", "333"):
        router.take(Scan(text, sent=f"{text}\r"))
    assert [told["code"] for told in agent.wait("told", 3)] == ["E322"] * 3
    router.join(10)
    assert typist.closed
    assert router.trouble is not None
    router.take(Scan("444", sent="444\r"))
    assert len(agent.wait("told", 4)) == 4


def test_a_damaged_scan_asks_nobody_and_is_not_typed() -> None:
    agent, typist = Agent(ours=False), Typist()
    held(agent, typist).take(Scan("", quality="corrupt", reason="noise"))
    assert agent.wait("scan")[0]["quality"] == "corrupt"
    assert typist.typed == []
