"""Scripts that change the outside. Each run is made once; another follows only when the last one says that it did
nothing, or when its failure was reported and the gate is asked for again."""

from __future__ import annotations

from mosaic_daemon.forges.base import Answer, Delayed, Forbidden, Sent
from mosaic_daemon.forges.wrappers.notes import Notes
from mosaic_daemon.forges.wrappers.runs import Run, Runs, Script

_TRIES = 5


class Acts:
    def __init__(self, runs: Runs, notes: Notes) -> None:
        self._runs = runs
        self._notes = notes

    async def is_due(self, script: Script) -> bool:
        """Whether `perform` would start it."""
        return self._may_start(await self._runs.last(script), script)

    async def perform(self, script: Script) -> Run:
        """Run it unless it has run, and wait a little for its end.

        Raises:
            Unavailable: it cannot be started now.
        """
        run = await self._runs.last(script)
        if self._may_start(run, script):
            run = await self._runs.start(script, run.number + 1 if run else 1)
        assert run is not None  # noqa: S101  # without one it may start
        return await self._runs.ended(run)

    async def last(self, script: Script) -> Run | None:
        return await self._runs.last(script)

    def answer(self, run: Run, *, missing: str, code: str) -> Answer:
        """What came of an act whose effect the probe before it did not show.

        One that ended well, or was killed, may still show: it is refused only when it is asked for again.

        Args:
            missing: what is wrong when it ended well and its effect does not show; `code`: the same for programs.
        """
        if not run.is_over:
            return Sent(f"{run.script.title} is still running")
        if run.is_new and (run.went_well or run.is_unclear):
            return Sent(f"{run.script.title}: {run.last_words or run.how}")
        if run.asks_for_later and self._tries(run) < _TRIES:
            return Delayed(f"{run.script.title} asks to try later ({run.how}): {run.last_words}".rstrip(": "))
        if run.went_well:
            return self.refusal(run, missing, code=code)
        if run.is_unclear:
            return self.refusal(run, f"{run.how}, and {missing}", code="unclear")
        return self.refusal(run, code="unavailable" if run.asks_for_later else "script_failed")

    def refusal(self, run: Run, problem: str = "", *, code: str) -> Forbidden:
        """Report its failure: whoever asks after that has heard of it, and wants another run."""
        self._notes.report(run.script.owner, run.script.name, run.number)
        return Forbidden(run.failure(problem, code=code))

    def _may_start(self, run: Run | None, script: Script) -> bool:
        if run is None:
            return True
        if not run.is_over:
            return False
        return run.number <= self._told(script) or (run.asks_for_later and self._tries(run) < _TRIES)

    def _tries(self, run: Run) -> int:
        """How often it has run since its last failure was reported: all of them but this one asked for later."""
        return run.number - self._told(run.script)

    def _told(self, script: Script) -> int:
        return self._notes.told(script.owner, script.name)
