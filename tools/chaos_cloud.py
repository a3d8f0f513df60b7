"""Owns the protocol's chaos simulation: registers by the rules of the protocol, a bad network, crashes, rollbacks, clones, lost disks, restored
backups, against the real receiver. At the end everything that any register still holds must be in the ledger exactly once.

    python -m tools.chaos_cloud --seeds 400 --steps 4000
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from offline_queue import wire
from offline_queue.answers import Answer, Problem, parse_answer, parse_problem
from posagent.cloud.app import make_app
from posagent.cloud.audit import audit
from posagent.cloud.receiver import Receiver, Settings
from tools.fleet import Headers, Stream, call, make_event

MEMBERS = [f"M{number}" for number in range(5)]


@dataclass(slots=True)
class Sent:
    """A request on its way, or its answer on the way back."""

    register: int
    stream_id: str
    path: str
    method: str
    headers: Headers
    payload: bytes
    reply: Answer | Problem | None = None


@dataclass(slots=True)
class Image:
    """A copy of a register's disk."""

    stream_id: str
    bodies: list[bytes]
    acked: int


@dataclass
class World:
    """One run. ``checks_chain`` False is a register without its half of the chain check: the mutant."""

    directory: Path
    seed: int
    registers: int = 4
    checks_chain: bool = True
    count: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.loop = asyncio.new_event_loop()
        self.generation = 0
        self.path = self.directory / "receiver-0.db"
        self.app: Any = make_app(f"sqlite:///{self.path}", Settings(signed=False))
        self.streams = [Stream(("acme", "0001", str(number)), self.new_id()) for number in range(self.registers)]
        self.images: list[list[Image]] = [[] for _ in self.streams]
        self.requests: list[Sent] = []
        self.answers: list[Sent] = []
        self.contents: dict[str, set[tuple[str, int]]] = {}  # every key that any register ever accepted, with its contents
        self.backup: Path | None = None

    def new_id(self) -> str:
        raw = f"{self.rng.getrandbits(128):032x}"
        return f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:]}"

    @property
    def receiver(self) -> Receiver:
        found: Receiver = self.app.state.receiver
        return found

    # ---------------------------------------------------------------- steps

    def step(self) -> None:
        """One random thing happens."""
        actions = [
            (30, self.put), (4, self.put_repeated), (1, self.put_contested), (22, self.send), (22, self.deliver_request),
            (22, self.deliver_answer), (3, self.lose), (2, self.double), (2, self.heartbeat), (2, self.crash_before_commit),
            (2, self.crash_after_commit), (1, self.take_image), (0.25, self.roll_back), (0.15, self.clone), (0.1, self.lose_disk),
            (0.15, self.take_backup), (0.1, self.restore_backup),
        ]  # fmt: skip
        action = self.rng.choices([act for _, act in actions], [weight for weight, _ in actions])[0]
        self.count[action.__name__] += 1
        action()

    def pick(self) -> int:
        return self.rng.randrange(len(self.streams))

    def put(self, key: str | None = None, member: str = "", points: int = 0, register: int | None = None) -> None:
        which = self.pick() if register is None else register
        stream = self.streams[which]
        key = key or f"{self.seed}/{which}/{self.rng.getrandbits(60)}"
        member, points = member or self.rng.choice(MEMBERS), points or self.rng.randrange(1, 100)
        body = make_event(stream.place, key, member, {"points": points})
        stream.put(body)
        self.contents.setdefault(key, set()).add((member, points))

    def put_repeated(self) -> None:
        """The same receipt on another register."""
        if self.contents:
            key = self.rng.choice(list(self.contents))
            member, points = next(iter(self.contents[key]))
            self.put(key, member, points)

    def put_contested(self) -> None:
        """The same receipt number with other content."""
        if self.contents:
            self.put(self.rng.choice(list(self.contents)))

    def send(self, which: int | None = None) -> None:
        which = self.pick() if which is None else which
        stream = self.streams[which]
        if stream.acked < len(stream.bodies):
            last = min(len(stream.bodies), stream.acked + self.rng.choice((1, 3, 20, 200)))
            headers, payload = stream.batch(stream.acked + 1, last, gzip=False)
            self.requests.append(Sent(which, stream.stream_id, stream.path + "/events", "POST", headers, payload))

    def heartbeat(self, which: int | None = None) -> None:
        which = self.pick() if which is None else which
        stream = self.streams[which]
        self.requests.append(Sent(which, stream.stream_id, stream.path, "GET", [], b""))

    def deliver_request(self) -> None:
        if self.requests:
            sent = self.requests.pop(self.rng.randrange(len(self.requests)))  # any order
            reply = self.loop.run_until_complete(call(self.app, sent.method, sent.path, sent.headers, sent.payload))
            assert reply.status in {200, 404, 409, 422}, reply
            sent.reply = parse_answer(reply.body) if reply.status == 200 else parse_problem(reply.body, reply.status)
            self.answers.append(sent)

    def deliver_answer(self) -> None:
        if self.answers:
            self.take(self.answers.pop(self.rng.randrange(len(self.answers))))

    def lose(self) -> None:
        pile = self.rng.choice((self.requests, self.answers))
        if pile:
            pile.pop(self.rng.randrange(len(pile)))

    def double(self) -> None:
        if self.requests:
            one = self.rng.choice(self.requests)
            self.requests.append(Sent(one.register, one.stream_id, one.path, one.method, one.headers, one.payload))

    def crash_before_commit(self) -> None:
        """The receiver dies with the transaction open: nothing of it may stay."""
        if self.requests:
            sent = self.requests.pop(self.rng.randrange(len(self.requests)))
            writer = self.receiver.engine._writer  # type: ignore[attr-defined]  # noqa: SLF001 - the fault knob
            # The stream's row is written last: by then keys, events and balances stand in the open transaction.
            writer.execute("CREATE TEMP TRIGGER dies BEFORE UPDATE ON main.stream BEGIN SELECT RAISE(ABORT, 'died'); END")
            reply = self.loop.run_until_complete(call(self.app, sent.method, sent.path, sent.headers, sent.payload))
            writer.execute("DROP TRIGGER temp.dies")
            assert reply.status in {503, 404, 409, 422}, reply

    def crash_after_commit(self) -> None:
        """The receiver dies before it answers."""
        before = len(self.answers)
        self.deliver_request()
        del self.answers[before:]
        self.reopen(self.path)

    def reopen(self, path: Path) -> None:
        self.receiver.close()
        self.path = path
        self.app = make_app(f"sqlite:///{path}", Settings(signed=False))

    def take_image(self) -> None:
        which = self.pick()
        stream = self.streams[which]
        self.images[which] = [*self.images[which][-2:], Image(stream.stream_id, list(stream.bodies), stream.acked)]

    def roll_back(self) -> None:
        which = self.pick()
        if self.images[which]:
            self.install(which, self.rng.choice(self.images[which]))

    def clone(self) -> None:
        """Another register starts from a copy of this one's disk; what it had itself is destroyed."""
        source, target = self.rng.sample(range(len(self.streams)), 2)
        stream = self.streams[source]
        self.install(target, Image(stream.stream_id, list(stream.bodies), stream.acked))

    def lose_disk(self) -> None:
        self.install(self.pick(), Image(self.new_id(), [], 0))

    def install(self, which: int, image: Image) -> None:
        self.streams[which].install(image.stream_id, image.bodies, image.acked)

    def take_backup(self) -> None:
        self.generation += 1
        self.backup = self.directory / f"backup-{self.generation}.db"
        self.receiver.engine.backup(self.backup)

    def restore_backup(self) -> None:
        """The receiver goes back in time; registers still hold what they sent since."""
        if self.backup is not None:
            self.generation += 1
            path = self.directory / f"receiver-{self.generation}.db"
            path.write_bytes(self.backup.read_bytes())
            self.reopen(path)

    def take(self, sent: Sent) -> None:
        stream = self.streams[sent.register]
        if sent.stream_id != stream.stream_id or sent.reply is None:
            return  # an answer to a stream that is closed
        self.count["rotated"] += stream.learn(sent.reply, heartbeat=sent.method == "GET", checks_chain=self.checks_chain)

    # ---------------------------------------------------------------- the end

    def settle(self) -> None:
        """The network is good again: every register compares and sends until nothing is left. Raises AssertionError on a livelock."""
        while self.requests or self.answers:
            self.deliver_request()
            self.deliver_answer()
        for _ in range(60):
            for which in range(len(self.streams)):
                self.heartbeat(which)
                self.deliver_request()
                self.deliver_answer()
                self.send(which)
                self.deliver_request()
                self.deliver_answer()
            if all(stream.acked == len(stream.bodies) for stream in self.streams):
                for which in range(len(self.streams)):  # a last look: nobody may be told of another history now
                    self.heartbeat(which)
                    self.deliver_request()
                    self.deliver_answer()
                if all(stream.acked == len(stream.bodies) for stream in self.streams):
                    return
        raise AssertionError("livelock: registers do not come to rest")

    def problems(self) -> list[str]:
        """What is wrong at the end; empty when nothing was lost silently, doubled or invented."""
        found = self.receiver.engine.read(audit).problems
        rows = self.receiver.engine.read(lambda work: work.rows("SELECT idem, member, body FROM event WHERE status = 'applied'"))
        counted: Counter[str] = Counter(idem for idem, _, _ in rows)
        found += [f"doubled: {idem}" for idem, times in counted.items() if times > 1]
        found += [f"ghost: {idem}" for idem, member, _ in rows if all(member != one for one, _ in self.contents.get(idem, ()))]
        kept = self.receiver.engine.read(lambda work: work.rows("SELECT body FROM event WHERE status IN ('applied', 'conflict')"))
        visible = {self.said(bytes(body)) for (body,) in kept}
        held = {self.said(body) for stream in self.streams for body in stream.bodies}
        found += [f"lost: {key}" for key in sorted({said[0] for said in held} - counted.keys())]
        found += [f"dropped without a word: {said}" for said in sorted(held - visible)]
        self.count["accepted"] += len(self.contents)
        self.count["destroyed with a disk"] += len(self.contents.keys() - counted.keys())
        sums: Counter[str] = Counter()
        for _, member, body in rows:
            sums[member] += wire.decode_event(bytes(body))["data"]["entries"][0]["delta"]
        balances = self.receiver.engine.read(lambda work: work.rows("SELECT member, amount FROM balance WHERE account = 'points'"))
        stored: dict[str, int] = dict(balances)
        if stored != {member: total for member, total in sums.items() if total}:
            found.append(f"balances {stored} instead of {dict(sums)}")
        return found

    @staticmethod
    def said(body: bytes) -> tuple[str, str, int]:
        """Key, member and points."""
        event = wire.decode_event(body)
        return event["idemkey"], event["data"]["member"], event["data"]["entries"][0]["delta"]

    def close(self) -> None:
        """Ends the receiver."""
        self.receiver.close()
        self.loop.close()


def run(seed: int, steps: int, checks_chain: bool = True) -> tuple[list[str], Counter[str]]:
    """One seed; what was wrong, and what happened."""
    random.seed(seed)
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory), seed, checks_chain=checks_chain)
        try:
            for _ in range(steps):
                world.step()
            world.settle()
            return world.problems(), world.count
        except AssertionError as trouble:
            return [f"stopped: {trouble}"], world.count
        finally:
            world.close()


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="chaos against the real receiver")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--first", type=int, default=1)
    args = parser.parse_args()
    logging.disable()  # the receiver says that its database died, which is what we do to it
    total: Counter[str] = Counter()
    bad = 0
    start = time.monotonic()
    for seed in range(args.first, args.first + args.seeds):
        problems, count = run(seed, args.steps)
        total += count
        bad += bool(problems)
        for line in problems[:5]:
            print(f"seed {seed}: {line}")
    print(f"{args.seeds} seeds x {args.steps} steps in {time.monotonic() - start:.0f} s: {bad} bad")
    print(", ".join(f"{name} {number}" for name, number in sorted(total.items())))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
