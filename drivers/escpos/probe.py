"""Owns finding out what a printer can prove: who it is, whether it answers, and by which witnesses a slip can be confirmed.

Every question is optional and waits at most ``answer_s``. What a printer that says the same of itself as before was not able to do is not
asked again; what it was able to do is. A printer that answers neither DLE EOT nor GS r is asked nothing more: an unknown
command may come out as text. The questions end with ESC @, which clears such text before it is printed.
Sources: GS I, GS r, GS a, GS ( H fn 48, GS g 2 and GS ( L fn 80, 81, 83 of Epson's ESC/POS reference.
"""

from __future__ import annotations

from drivers.escpos.conversation import Conversation, counter_question, id_question
from drivers.escpos.encoder import RESET
from posagent.ports import Capabilities

CUTS = 178
_PROBE_ID = b"\x7ePB\x7e"
_TEXTS = {"firmware": 0x41, "maker": 0x42, "model": 0x43, "serial": 0x44}


def probe(talk: Conversation, answer_s: float, *, asks: bool = True, before: Capabilities | None = None) -> tuple[Capabilities, bool]:
    """The capabilities, and whether real-time questions are answered. Raises DeviceMissing when the link breaks."""
    if not asks or not talk.link.speaks:
        return Capabilities(0), False
    real_time = any(talk.real_time(talk.now() + answer_s) is not None for _ in range(2))  # one answer may get lost
    queued = talk.queued(b"\x1dr\x01", talk.now() + answer_s) is not None
    if not real_time and not queued:
        return Capabilities(0), False
    texts = {}
    for key, number in _TEXTS.items():
        answer = talk.block(bytes([0x1D, 0x49, number]), 0x5F, talk.now() + answer_s)
        if answer is None:
            break  # who does not say its firmware does not say its serial number either
        texts[key] = answer.decode("ascii", "replace")
    old = before if before is not None and _is_the_same(before, texts) else None
    kind = None if old and old.kanji is None else talk.queued(b"\x1dI\x02", talk.now() + answer_s)
    talk.send(b"\x1da\xff", talk.now() + answer_s)  # automatic status, of everything
    known_id = not (old and not old.process_id) and _process_id(talk, answer_s)
    cuts = None if old and not old.cut_counter else cut_count(talk, answer_s)
    talk.send(RESET + b"\x1da\xff", talk.now() + answer_s)
    talk.hear(talk.now() + min(answer_s, 0.05))
    witnesses = known_id + (cuts is not None)
    tier = 1 + witnesses if queued or witnesses else 0
    found = Capabilities(
        tier=3 if tier >= 3 else 2 if tier == 2 else 1 if tier == 1 else 0,
        kanji=None if kind is None else bool(kind & 1),
        process_id=known_id,
        cut_counter=cuts is not None,
        **texts,
    )
    return found, real_time


def _is_the_same(before: Capabilities, texts: dict[str, str]) -> bool:
    """Whether this is the printer of before, by all that it says of itself; one that says nothing is never the same."""
    return bool(before.model and texts) and all(getattr(before, key) == texts.get(key, "") for key in _TEXTS)


def _process_id(talk: Conversation, answer_s: float) -> bool:
    talk.drain()
    talk.ids.clear()
    deadline = talk.now() + answer_s
    talk.send(id_question(_PROBE_ID), deadline)
    return talk.id_came(_PROBE_ID, deadline)


def cut_count(talk: Conversation, answer_s: float) -> int | None:
    """The lifetime count of cuts; None when the printer does not say."""
    answer = talk.block(counter_question(CUTS), 0x5F, talk.now() + answer_s)
    return int(answer) if answer is not None and answer.isdigit() and len(answer) <= 10 else None


def plant_witness(talk: Conversation, key: bytes, answer_s: float) -> bool:
    """Puts a one-dot picture named ``key`` into the printer's RAM, which loses it with the power; whether it is there."""
    talk.send(b"\x1d(L\x05\x000QCLR" + b"\x1d(L\x0c\x000S0" + key + b"\x01\x08\x00\x01\x001\x00", talk.now() + answer_s)
    return sees_witness(talk, key, answer_s) is True


def sees_witness(talk: Conversation, key: bytes, answer_s: float) -> bool | None:
    """Whether the picture is still there; None when the printer does not say."""
    answer = talk.block(b"\x1d(L\x04\x000PKC", 0x37, talk.now() + answer_s, b"\x73")
    if answer is None:
        return None
    keys = answer[1:]
    return key in {keys[n : n + 2] for n in range(0, len(keys), 2)}
