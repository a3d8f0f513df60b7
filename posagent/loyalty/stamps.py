"""Owns the stamp card: one lifetime counter, cards of a fixed size, rewards that fall due when it passes their positions. PURE."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from posagent.loyalty.rules import Card


@dataclass(frozen=True, slots=True)
class Reward:
    """A reward that fell due: the ``lap``-th time (from 1) that the card passed ``position``."""

    coupon: str
    position: int
    lap: int

    @property
    def label(self) -> str:
        """``free-drink#2``: the reward and its lap."""
        return f"{self.coupon}#{self.lap}"


def card_of(size: int, count: int) -> tuple[int, int]:
    """(which card, from 1; stamps on it). A counter below zero (a void after the card was used) shows an empty first card."""
    shown = max(count, 0)
    return shown // size + 1, shown % size


def laps(size: int, position: int, count: int) -> int:
    """How often a counter that grew from zero to ``count`` has passed a position."""
    return max(0, (count - position) // size + 1)


def rewards_due(card: Card, before: int, after: int) -> tuple[Reward, ...]:
    """What falls due between two counts, by position, then lap. Nothing when the counter falls."""
    return tuple(
        Reward(coupon, position, lap + 1)
        for position, coupon in card.rewards
        for lap in range(laps(card.size, position, before), laps(card.size, position, after))
    )


def reward_id(program: str, member: str, account: str, reward: Reward) -> str:
    """The same for the same reward on every path, so that it is never issued twice, even after a void and a new grant.

    ``program`` is the program's id without its version: a new version does not start the card anew.
    """
    parts = (program, member, account, str(reward.position), str(reward.lap))
    return sha256("\n".join(parts).encode()).hexdigest()[:32]
