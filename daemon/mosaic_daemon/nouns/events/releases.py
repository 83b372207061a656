"""What happens to the release of a milestone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mosaic_daemon.nouns.attempt import Failure
from mosaic_daemon.nouns.gate import Hold
from mosaic_daemon.nouns.release import ReleaseStep


@dataclass(frozen=True, slots=True)
class ReleaseOpened:
    """All tasks are done or deferred, and somebody, or the configuration, wants the milestone released."""

    version: str
    name: str
    source: str
    kind: Literal["release-opened"] = "release-opened"


@dataclass(frozen=True, slots=True)
class ReleaseStepped:
    """A step is finished; `evidence` is what was seen. After the last one `next` stays what it was."""

    step: ReleaseStep
    evidence: Mapping[str, Any]
    next: ReleaseStep
    base_sha: str | None = None
    kind: Literal["release-stepped"] = "release-stepped"


@dataclass(frozen=True, slots=True)
class ReleaseIntended:
    """Written before the outside is touched. `key` is unique for ever."""

    step: ReleaseStep
    key: str
    request: Mapping[str, Any]
    kind: Literal["release-intended"] = "release-intended"


@dataclass(frozen=True, slots=True)
class ReleaseHeld:
    """It waits for something outside itself."""

    hold: Hold
    kind: Literal["release-held"] = "release-held"


@dataclass(frozen=True, slots=True)
class ReleaseBlocked:
    """It cannot go on without a person."""

    failure: Failure
    kind: Literal["release-blocked"] = "release-blocked"


@dataclass(frozen=True, slots=True)
class ReleaseResumed:
    """A person asks for it again: the step it stood on starts with its probe; before there is a tag, from the start."""

    source: str
    kind: Literal["release-resumed"] = "release-resumed"


@dataclass(frozen=True, slots=True)
class MilestoneReleased:
    """Tag, release and archive are there, the milestone is closed: `evidence` proves it."""

    evidence: Mapping[str, Any]
    kind: Literal["milestone-released"] = "milestone-released"
