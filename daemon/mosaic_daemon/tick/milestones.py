"""The release of a milestone: what follows when every task is over."""

from __future__ import annotations

from mosaic_daemon.ground.errors import InputError, LedgerError, Refused, Unavailable, is_full_disk
from mosaic_daemon.ground.failpoints import failpoint
from mosaic_daemon.milestone.release import Opening
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.attempt import Failure, FailureClass
from mosaic_daemon.nouns.task import OVER
from mosaic_daemon.tick.faces import Faces
from mosaic_daemon.tick.turn import Turn

_WHO, _RECOVERY = "the release", "the recovery"
_MOST = 3


class Milestones:
    """The last part of a tick."""

    def __init__(self, turn: Turn, faces: Faces) -> None:
        self._turn, self._parts, self._faces = turn, turn.parts, faces
        self._failed = 0

    @property
    def is_open(self) -> bool:
        """A release is under way, and moves by itself."""
        release = self._parts.ledger.system.release
        return release is not None and release.is_active

    async def advance(self, rescan: bool) -> None:
        """Open the release when all is over and the configuration says so; move an open one as far as it goes now."""
        if rescan and not self._parts.ledger.counts():
            await self._turn.guarded(_RECOVERY, self._look_for_archives())
        if not self.is_open and self._is_due(rescan):
            await self._turn.guarded(_WHO, self._open_by_itself())
        if self.is_open and not self._parts.publisher.is_behind:
            await self._turn.guarded(_WHO, self._move_or_give_up())
        release = self._parts.ledger.system.release
        if release is not None and release.is_active and release.hold is not None:
            self._turn.report.wait_until(release.hold.until)

    async def request(self, source: str, asked: str) -> Opening:
        """A person asks for it. Raises as `milestone.release.Milestones.opening`."""
        opening = await self._parts.milestones.opening(source, asked)
        self._open(opening)
        return opening

    def _is_due(self, rescan: bool) -> bool:
        """Asked only of a milestone that ended by itself: a release that a person has to mend waits for that person."""
        release, milestones = self._parts.ledger.system.release, self._parts.milestones
        is_stuck = release is not None and release.finished_at is None
        if not milestones.is_automatic or is_stuck or not (rescan or self._turn.report.progress):
            return False
        counts = self._parts.ledger.counts()
        return bool(counts) and set(counts) <= set(OVER)

    async def _look_for_archives(self) -> None:
        self._turn.tell("recovery", await self._parts.milestones.recovery())

    async def _open_by_itself(self) -> bool:
        try:
            found = await self._parts.milestones.by_itself()
        except (Refused, InputError) as error:
            found = f"the milestone is not released by itself: {error.line}"
        self._turn.tell("release", found if isinstance(found, str) else "")
        if isinstance(found, str):
            return False
        self._open(found)
        return True

    def _open(self, opening: Opening) -> None:
        if opening.happened:
            self._turn.record_all(opening.happened)
            self._turn.sync()
            failpoint("release.opened")

    async def _move_or_give_up(self) -> bool:
        """What fails again and again, and is no outage, needs a person."""
        try:
            moved = await self._move()
        except (Unavailable, LedgerError):
            raise
        except Exception as error:
            self._failed += 1
            if self._failed < _MOST or is_full_disk(error):
                raise
            command = str(getattr(error, "command", ""))
            failure = Failure(FailureClass.GATE, f"release:{self._step}", str(error), command, at=self._turn.now)
            self._turn.record("", ev.ReleaseBlocked(failure))
            moved = True
        self._failed = 0
        return moved

    async def _move(self) -> bool:
        moved, has_just_intended = False, False
        milestones = self._parts.milestones
        while self.is_open:
            step = self._step
            happened = await milestones.advance(self._turn.now, has_just_intended=has_just_intended)
            if not happened:
                break
            self._turn.record_all(happened)
            failpoint(f"release.{step}.recorded")
            event = happened[0][1]
            has_just_intended = isinstance(event, ev.ReleaseIntended)
            moved |= not isinstance(event, ev.ReleaseHeld)
            if isinstance(event, ev.ReleaseHeld):
                break
            if isinstance(event, ev.MilestoneReleased):
                self._faces.landed()
                await self._faces.publish()
        await milestones.recorded()
        return moved

    @property
    def _step(self) -> str:
        release = self._parts.ledger.system.release
        assert release is not None  # noqa: S101
        return release.step.value
