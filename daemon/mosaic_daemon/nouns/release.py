"""The release of a milestone: from all tasks done to a tag, a release on the forge, and an archive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from mosaic_daemon.nouns.attempt import Failure
from mosaic_daemon.nouns.gate import Hold


class ReleaseStep(StrEnum):
    """The steps in their order. A release stands on the step that it has to finish next."""

    VERIFY = "verify"  #: CI of the base branch is green; its newest commit is pinned
    TAG = "tag"  #: the annotated tag on that commit is on the origin
    PUBLISH = "publish"  #: the forge has the release, or its notes will be a file
    CLOSE = "close"  #: the milestone is closed on the forge, or it is noted why not
    ARCHIVE = "archive"  #: table and learnings are archived on the base branch


RELEASE_STEPS = tuple(ReleaseStep)


@dataclass(frozen=True, slots=True)
class Release:
    """One release, as far as it has come.

    Attributes:
        version: `0.0.1`. name: people's name for the milestone; the version where it has none.
        base_sha: the commit that gets the tag; None before it is verified.
        intent: what is about to be done to the outside, written down before it is done; None when nothing is open.
        acts: how many intents there were so far.
        since: when it came to this step, or was resumed on it.
        evidence: per finished step, what was seen.
        failure: why it cannot go on without a person; None while it can.
        finished_at: None before its end.
    """

    version: str
    name: str
    opened_at: datetime
    source: str = ""
    step: ReleaseStep = ReleaseStep.VERIFY
    base_sha: str | None = None
    intent: Mapping[str, Any] | None = None
    acts: int = 0
    since: datetime | None = None
    evidence: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    hold: Hold | None = None
    failure: Failure | None = None
    finished_at: datetime | None = None

    @property
    def tag(self) -> str:
        return f"v{self.version}"

    @property
    def is_active(self) -> bool:
        """It can go on by itself."""
        return self.finished_at is None and self.failure is None
