"""Scripts that wait for CI: they run for as long as it does, and nobody waits for them here."""

from __future__ import annotations

from mosaic_daemon.forges.base import Check, CiReport, Rejected, Verdict
from mosaic_daemon.forges.wrappers.runs import Run, Runs, Script

_TRIES = 5
_FRESH_SEC = 60.0


class Waits:
    """Verdicts by exit status: 0 is green, any other red, 75 and 69 none at all.

    Args:
        pause_sec: between two runs of a script that gave no verdict.
    """

    def __init__(self, runs: Runs, pause_sec: float) -> None:
        self._runs = runs
        self._pause_sec = pause_sec

    async def of_commit(self, script: Script) -> CiReport:
        """CI of a commit. Green stays; anything else is asked for again when it is asked for a minute later."""
        return await self._report(script, green_sec=float("inf"), is_latched=False)

    async def of_branch(self, script: Script) -> CiReport:
        """CI of what a branch is at. A verdict is asked for again after a while; one that was red is red meanwhile."""
        return await self._report(script, green_sec=5 * _FRESH_SEC, is_latched=True)

    async def stop(self, script: Script) -> None:
        run = await self._runs.last(script)
        if run is not None and not run.is_over:
            await self._runs.rail.revoke(run.name)

    async def _report(self, script: Script, *, green_sec: float, is_latched: bool) -> CiReport:
        """Raises Rejected: the script gives no verdict. Unavailable: it cannot be started now."""
        run = await self._runs.last(script)
        if run is None:
            return _pending(await self._runs.start(script))
        if not run.is_over:
            former = (await self._runs.before(run, 1))[:1] if is_latched else []
            return _red(former[0]) if former and _is_red(former[0]) else _pending(run)
        if run.went_well and run.age_sec() < green_sec:
            detail = f"{run.script.title} ended with {run.how}"
            return CiReport(Verdict.GREEN, (_check(run),), detail, run.script.line)
        if _says_nothing(run) and not await self._has_tried_enough(run):
            if run.age_sec() < self._pause_sec:
                return _pending(run)
            return _pending(await self._runs.start(script, run.number + 1))
        if run.went_well or run.age_sec() >= _FRESH_SEC:
            again = await self._runs.start(script, run.number + 1)
            return _red(run) if is_latched and _is_red(run) else _pending(again)
        if _is_red(run):
            return _red(run)
        raise self._no_verdict(run)

    async def _has_tried_enough(self, run: Run) -> bool:
        former = await self._runs.before(run, _TRIES - 1)
        return len(former) == _TRIES - 1 and all(_says_nothing(each) for each in former)

    @staticmethod
    def _no_verdict(run: Run) -> Rejected:
        code = "ci_timeout" if run.ran_out_of_time else "ci_unreadable"
        return Rejected(run.failure(code=code), run.script.line, "run it by hand to see what it needs, then retry")


def _says_nothing(run: Run) -> bool:
    """It gave no verdict, and another run may: it says so itself, or it was killed."""
    return run.asks_for_later or (run.is_unclear and not run.ran_out_of_time)


def _is_red(run: Run) -> bool:
    return run.is_over and not (run.went_well or run.asks_for_later or run.is_unclear or run.cannot_run)


def _pending(run: Run) -> CiReport:
    return CiReport(Verdict.PENDING, (_check(run),), f"{run.script.title} has not ended", run.script.line)


def _red(run: Run) -> CiReport:
    return CiReport(Verdict.RED, (_check(run),), run.output, run.script.line)


def _check(run: Run) -> Check:
    return Check(run.script.line, run.how, run.log)
