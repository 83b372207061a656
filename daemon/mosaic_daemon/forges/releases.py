"""Where a milestone is released: the forge's releases and milestones. A wish is looked for before it is granted.

Over scripts: `wrappers.releases`; `rest.connect.releases` and the composition root make the one that the settings name.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from mosaic_daemon.forges.base import Answer, Forbidden
from mosaic_daemon.forges.rest.hosting import Hosting, Release, ReleaseText
from mosaic_daemon.nouns.attempt import Failure, FailureClass

__all__ = ["ForgeMilestone", "HostedReleases", "InternalReleases", "Release", "ReleaseText", "Releases"]


class ForgeMilestone(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    ABSENT = "absent"  #: it has none of that name
    NONE = "none"  #: it has no milestones at all


class Releases(Protocol):
    """A probe raises Unavailable when it cannot be asked now, and Rejected when it may not be asked at all."""

    @property
    def name(self) -> str: ...

    @property
    def publishes(self) -> bool:
        """False: it has no releases, and the notes become a file in the repository."""

    async def find(self, tag: str) -> Release | None:
        """Probe: the release of this tag."""

    async def create(self, text: ReleaseText) -> Answer:
        """Act: publish the release of a tag that exists. A second one for the same tag is never made."""

    async def milestone(self, title: str) -> ForgeMilestone:
        """Probe."""

    async def close_milestone(self, title: str) -> Answer:
        """Act."""

    async def aclose(self) -> None:
        """Give connections back."""


class InternalReleases:
    """No forge: tag and notes are all there is, and the table is the milestone."""

    name = "internal"
    publishes = False

    async def find(self, tag: str) -> Release | None:
        return None

    async def create(self, text: ReleaseText) -> Answer:
        return Forbidden(Failure(FailureClass.GATE, "release:publish", "there is no forge to publish on"))

    async def milestone(self, title: str) -> ForgeMilestone:
        return ForgeMilestone.NONE

    async def close_milestone(self, title: str) -> Answer:
        return Forbidden(Failure(FailureClass.GATE, "release:close", "there is no forge to close a milestone on"))

    async def aclose(self) -> None:
        """It holds nothing."""


class HostedReleases:
    """Over any REST dialect."""

    publishes = True

    def __init__(self, hosting: Hosting) -> None:
        self._hosting = hosting

    @property
    def name(self) -> str:
        return self._hosting.name

    async def find(self, tag: str) -> Release | None:
        return await self._hosting.find_release(tag)

    async def create(self, text: ReleaseText) -> Answer:
        return await self._hosting.create_release(text)

    async def milestone(self, title: str) -> ForgeMilestone:
        found = await self._hosting.find_milestone(title)
        if found is None:
            return ForgeMilestone.ABSENT
        return ForgeMilestone.CLOSED if found.closed else ForgeMilestone.OPEN

    async def close_milestone(self, title: str) -> Answer:
        found = await self._hosting.find_milestone(title)
        if found is None:
            return Forbidden(Failure(FailureClass.GATE, "release:close", f"there is no milestone {title!r}"))
        return await self._hosting.close_milestone(found)

    async def aclose(self) -> None:
        await self._hosting.aclose()
