"""Owns which rank a member has reached. PURE. The cloud decides ranks; the register only reads a snapshot from before the sale."""

from __future__ import annotations

from collections.abc import Mapping

from posagent.loyalty.rules import Ranks, Tier


def reaches(tier: Tier, metrics: Mapping[str, int]) -> bool:
    """Whether every number that the tier needs is reached; a metric that is absent counts as 0 (flags count 0 or 1)."""
    return all(metrics.get(key, 0) >= least for key, least in tier.need)


def rank_of(ranks: Ranks, metrics: Mapping[str, int]) -> str | None:
    """The highest tier reached by the metrics of the window; None when not even the lowest is."""
    return next((tier.id for tier in reversed(ranks.tiers) if reaches(tier, metrics)), None)


def missing(ranks: Ranks, metrics: Mapping[str, int]) -> tuple[str, dict[str, int]] | None:
    """The next tier above the one reached, and how much of what is still missing for it; None at the top."""
    reached = [index for index, tier in enumerate(ranks.tiers) if reaches(tier, metrics)]
    following = (reached[-1] if reached else -1) + 1
    if following == len(ranks.tiers):
        return None
    tier = ranks.tiers[following]
    return tier.id, {key: least - metrics.get(key, 0) for key, least in tier.need if metrics.get(key, 0) < least}
