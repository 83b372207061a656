"""Where planning files its issues. A wish is granted once: an issue is looked for by its marker before it is made.

Over scripts: `wrappers.desk`; `rest.connect.desk` and the composition root make the one that the settings name.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Protocol

from mosaic_daemon.forges.base import Delayed, Forbidden, IssueText, Moved, Rejected, Sent
from mosaic_daemon.forges.rest.hosting import Hosting
from mosaic_daemon.ground.errors import Refused, Unavailable
from mosaic_daemon.nouns.attempt import Failure

_PAUSES_SEC = (0.5, 1.0, 2.0, 4.0)
_PHASE = re.compile(r"/(P\d+) -->")


class Desk(Protocol):
    """Where issues are filed. Its methods raise Unavailable when the same call may work later, and Rejected when it
    will not; its failure has the command to run by hand.
    """

    async def find_issue(self, marker: str) -> str | None:
        """The ref, `#12`, of the issue with this line in its body; open or closed."""

    async def create_issue(self, text: IssueText) -> str:
        """The ref of the issue with `text.marker`, made with its labels and milestone unless it is there.

        Raises:
            Unavailable: also when nobody knows whether it was made. The next call looks before it sends.
            Refused: the milestone is closed; nothing was made.
        """

    async def comment(self, ref: str, text: str, marker: str) -> None:
        """See that the issue has a comment with this marker, a line of `text`."""

    async def aclose(self) -> None:
        """Give connections back."""


class InternalDesk:
    """No forge: the table is the record, and a phase's ref is `TASKS:P1`."""

    async def find_issue(self, marker: str) -> str | None:
        found = _PHASE.search(marker)
        return f"TASKS:{found[1]}" if found else None

    async def create_issue(self, text: IssueText) -> str:
        ref = await self.find_issue(text.marker)
        if ref is None:
            raise Refused(f"{text.title!r} is no phase, and only phases have refs without a forge", remedy="set one up")
        return ref

    async def comment(self, ref: str, text: str, marker: str) -> None:
        """The table says it all."""

    async def aclose(self) -> None:
        """It holds nothing."""


class HostingDesk:
    """Over any REST dialect.

    Args:
        pauses_sec: before each further look for an issue that the forge says it has made: lists may lag behind.
    """

    def __init__(self, hosting: Hosting, pauses_sec: Sequence[float] = _PAUSES_SEC) -> None:
        self._hosting = hosting
        self._pauses_sec = pauses_sec

    async def find_issue(self, marker: str) -> str | None:
        found = await self._hosting.find_issue(marker)
        return f"#{found.number}" if found else None

    async def create_issue(self, text: IssueText) -> str:
        if known := await self.find_issue(text.marker):
            return known
        await self._check_milestone(text)
        match await self._hosting.create_issue(text):
            case Forbidden(failure=failure):
                raise refused(text, failure)
            case Delayed(reason=reason, until=until):
                raise Unavailable(reason, where=where_of(text), until=until)
            case Sent(answer=said) | Moved(detail=said):
                return await self._seen(text, said)

    async def comment(self, ref: str, text: str, marker: str) -> None:
        number = int(ref.removeprefix("#"))
        if await self._has_comment(number, marker):
            return
        answer = await self._hosting.comment(number, text)
        for pause in (0.0, *self._pauses_sec):
            await asyncio.sleep(pause)
            if await self._has_comment(number, marker):
                return
        if isinstance(answer, Forbidden):
            raise Rejected(answer.failure, f"issue {ref}", f"mend that and run it again: {answer.failure.command}")
        raise Unavailable("the comment is not there yet", where=f"issue {ref}", remedy="run it again")

    async def aclose(self) -> None:
        await self._hosting.aclose()

    async def _has_comment(self, number: int, marker: str) -> bool:
        return any(marker in text for text in await self._hosting.comments(number))

    async def _check_milestone(self, text: IssueText) -> None:
        """A forge would put a new issue into a closed milestone without a word."""
        if not text.milestone:
            return
        milestone = await self._hosting.find_milestone(text.milestone)
        if milestone is not None and milestone.closed:
            raise Refused(
                f"the milestone {text.milestone!r} is closed",
                where=where_of(text),
                remedy="plan for the next one, or open it again",
            )

    async def _seen(self, text: IssueText, said: str) -> str:
        for pause in (0.0, *self._pauses_sec):
            await asyncio.sleep(pause)
            if made := await self.find_issue(text.marker):
                return made
        problem = f"it is not known whether it was made: {said}"
        raise Unavailable(problem, where=where_of(text), remedy="run it again: it is looked for first")


def refused(text: IssueText, failure: Failure) -> Rejected:
    return Rejected(failure, where_of(text), f"mend that and run it again, or by hand: {failure.command}")


def where_of(text: IssueText) -> str:
    return f"issue {text.title!r}"
