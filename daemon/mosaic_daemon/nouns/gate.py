"""The gate of one accepted attempt: from a reviewed commit to `done`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Step(StrEnum):
    """The steps in their order. A gate stands on the step that it has to finish next."""

    LEASE = "lease"  #: one gate at a time per target branch
    MAIN_CLEAR = "main-clear"  #: the base branch's CI queue is clear; `base_sha` is pinned
    PR = "pr"  #: a pull request for the pinned head exists
    MERGEABLE = "mergeable"  #: it merges cleanly, and its own CI is green where it has any
    MERGE = "merge"  #: the squash commit is on the base branch
    VERIFY = "verify"  #: its parent, tree and trailers are what they should be
    MAIN_CI = "main-ci"  #: CI of exactly that commit is terminal green, or declared to be none
    CLOSE = "close"  #: the issue, or the internal ref, is closed


STEPS = tuple(Step)


@dataclass(frozen=True, slots=True)
class Hold:
    """The gate waits for something outside itself; no try is used.

    Attributes:
        reason: one line.
        until: when to look again at the latest; None: whenever something changes.
    """

    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate, as far as it has come.

    Attributes:
        id: the attempt's name; also the `Mosaic-Gate` trailer.
        head_sha: the commit that was accepted; pinned for ever.
        base_sha: the base branch when the queue guard cleared; None before.
        change: the pull request's number or the internal row's name.
        merge_sha: the squash commit, once it is known to be on the base branch.
        intent: what is about to be done to the outside, written down before it is done; None when nothing is open.
        intended_at: when. acts: how many intents there were so far.
        since: when it came to this step, or was resumed on it.
        evidence: per finished step, what was seen.
        rounds: how often the base branch moved under it.
    """

    id: str
    head_sha: str
    opened_at: datetime
    step: Step = Step.LEASE
    base_sha: str | None = None
    change: str | None = None
    merge_sha: str | None = None
    intent: Mapping[str, Any] | None = None
    hold: Hold | None = None
    evidence: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rounds: int = 0
    intended_at: datetime | None = None
    acts: int = 0
    since: datetime | None = None


def is_past_guard(gate: Gate) -> bool:
    """Whether it stands between the queue guard and the CI verdict: nothing of ours may move the base branch now."""
    return gate.step not in (Step.LEASE, Step.MAIN_CLEAR, Step.CLOSE)


def may_have_landed(gate: Gate) -> bool:
    """Whether its squash commit is, or may be, on the base branch: then it can only go forward."""
    return gate.merge_sha is not None or (gate.intent is not None and gate.step is Step.MERGE)
