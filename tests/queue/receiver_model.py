"""Owns a receiver in memory for the lane's tests: the protocol's rules in their simplest form, and faults on order."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from offline_queue import wire
from offline_queue.answers import Answer, Item, Problem, encode_answer, encode_problem
from offline_queue.chain import digest, first_link, next_link
from offline_queue.errors import CloudBusy
from offline_queue.transport import Reply

TIME = "2026-11-22T03:35:00.120Z"


@dataclass
class Stream:
    """One stream as it is stored: links[n] is the link after event n; a body is None while it is withheld."""

    links: list[bytes]
    bodies: list[bytes | None] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    status: list[str] = field(default_factory=list)
    hole: int = 0  # events up to here were gone when the register could have sent them

    @property
    def acked(self) -> int:
        return len(self.links) - 1


@dataclass
class Model:
    """The receiver. ``refuse`` decides on a body: a status code to answer with, or None; ``judge``: a verdict other than applied."""

    streams: dict[str, Stream] = field(default_factory=dict)
    keys: dict[str, tuple[str, str, int]] = field(default_factory=dict)  # idemkey -> (business digest, stream, seq)
    grants: dict[str, int] = field(default_factory=dict)  # idemkey -> points: the ledger
    refuse: Callable[[bytes], int | None] = lambda _body: None
    judge: Callable[[bytes], str | None] = lambda _body: None
    drop_request: bool = False
    drop_answer: bool = False
    reply: Reply | None = None  # answers everything
    requests: list[tuple[int, int]] = field(default_factory=list)  # (first, count)
    url: str = "https://receiver.example"

    def connect(self, _credentials: object) -> Model:
        return self

    def close(self) -> None:
        pass

    def backup(self) -> Model:
        return Model(copy.deepcopy(self.streams), dict(self.keys), dict(self.grants))

    def restore(self, backup: Model) -> None:
        again = backup.backup()
        self.streams, self.keys, self.grants = again.streams, again.keys, again.grants

    def get(self, path: str, *, etag: str = "", most_bytes: int = 1 << 20) -> Reply:
        if self.drop_request:
            raise CloudBusy("no connection")
        if self.reply is not None:
            return self.reply
        if path.startswith("/v1/files/"):
            return Reply(404, {}, b"")
        name = path.rpartition("/")[2]
        stream = self.streams.get(name)
        if stream is None:
            return _problem(Problem(wire.UNKNOWN_STREAM, "unknown", status=404, expected=1, chain=first_link(name)))
        return Reply(200, {}, encode_answer(Answer(stream.acked, stream.links[-1], TIME)))

    def post(self, path: str, headers: Mapping[str, str], payload: bytes) -> Reply:
        if self.drop_request:
            raise CloudBusy("no connection")
        if self.reply is not None:
            return self.reply
        if path.endswith("/health"):
            return Reply(200, {}, b"{}")
        wire.check_content_digest(headers[wire.CONTENT_DIGEST], payload)
        reply = self._events(path.split("/")[3], headers, wire.split(wire.gunzip(payload)))
        if self.drop_answer:
            raise CloudBusy("no answer")
        return reply

    def _events(self, name: str, headers: Mapping[str, str], bodies: list[bytes]) -> Reply:
        first = wire.parse_seq(headers[wire.FIRST_SEQ])
        lines = wire.assemble(first, bodies, wire.parse_withheld(headers.get(wire.WITHHELD, "")))
        self.requests.append((first, len(lines)))
        for body in bodies:
            status = self.refuse(body)
            if status is not None:
                return _problem(Problem(wire.FRAMING, "not accepted", status=status))
        link = wire.unb64(headers[wire.PREV_CHAIN], 32)
        stream = self.streams.get(name)
        floor = wire.parse_withheld(headers.get(wire.FLOOR, ""))
        if stream is None:
            if first > 1 and not floor:
                return _problem(Problem(wire.UNKNOWN_STREAM, "unknown", status=404, expected=1, chain=first_link(name)))
            stream = self.streams[name] = Stream([first_link(name)])
        if floor and stream.acked < floor[0].seq:
            missing = floor[0].seq - stream.acked
            stream.links += [floor[0].digest] * missing
            stream.bodies += [None] * missing
            stream.digests += [b""] * missing
            stream.status += ["hole"] * missing
            stream.hole = floor[0].seq
        if first > stream.acked + 1:
            return _problem(Problem(wire.GAP, "gap", status=409, expected=stream.acked + 1, chain=stream.links[-1]))
        if stream.links[first - 1] != link:
            return _problem(Problem(wire.FORK, "fork", status=409))
        items = []
        for line in lines:
            link = next_link(link, line.digest)
            if line.seq <= stream.acked:
                if stream.links[line.seq] != link:
                    return _problem(Problem(wire.FORK, "fork", status=409))
                if line.body is not None and stream.bodies[line.seq - 1] is None:
                    stream.bodies[line.seq - 1] = line.body
                    stream.status[line.seq - 1] = self._apply(name, line.seq, line.body)
            else:
                stream.links.append(link)
                stream.bodies.append(line.body)
                stream.digests.append(line.digest)
                stream.status.append("withheld" if line.body is None else self._apply(name, line.seq, line.body))
            status = stream.status[line.seq - 1]
            if status != "applied":
                items.append(Item(line.seq, status))  # type: ignore[arg-type]
        if wire.unb64(headers[wire.LAST_CHAIN], 32) != link:
            return _problem(Problem(wire.CHAIN_MISMATCH, "chain", status=422))
        return Reply(200, {}, encode_answer(Answer(stream.acked, stream.links[-1], TIME, tuple(items))))

    def _apply(self, name: str, seq: int, body: bytes) -> str:
        event = wire.decode_event(body)
        said = wire.business_digest(event)
        stands = self.keys.get(event["idemkey"])
        if stands is not None:
            return "duplicate" if stands[0] == said else "conflict"
        verdict = self.judge(body)
        if verdict is not None:
            return verdict
        self.keys[event["idemkey"]] = (said, name, seq)
        if "points" in event["data"]:
            self.grants[event["idemkey"]] = event["data"]["points"]
        return "applied"

    def check(self) -> None:
        """Every stream's links follow from its digests."""
        for name, stream in self.streams.items():
            link = first_link(name)
            for number, mark in enumerate(stream.digests, 1):
                if number <= stream.hole:
                    link = stream.links[number]
                    continue
                link = next_link(link, mark)
                assert stream.links[number] == link
                body = stream.bodies[number - 1]
                assert body is None or digest(body) == mark


def _problem(problem: Problem) -> Reply:
    return Reply(problem.status, {}, encode_problem(problem))
