"""Looking at CI: often enough to be quick, seldom enough to be polite, and what a list of jobs comes to.

While one listing has a job that has not ended, nothing in the others can end the waiting: only that one is asked. While
nothing changes at all, each listing is asked in its turn; before silence is believed, all of them.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

from mosaic_daemon.forges.base import Check, CiReport, Verdict
from mosaic_daemon.forges.rest.hosting import Hosting, Job, Outcome
from mosaic_daemon.forges.rest.pace import Timing

Listing = Callable[[], Awaitable[list[Job]]]

_OTHERS = "others"
_KEPT = 100
_GROWTH = 1.5
_JITTER = 0.2
_SOONEST_SEC = 1.0


@dataclass(frozen=True, slots=True)
class Polling:
    """Seconds between two looks at the same commit: at first, and at the most.

    first_run_sec: how old a commit without any check must be to have none.
    timing: where time comes from.
    """

    first_sec: float = 5.0
    most_sec: float = 30.0
    first_run_sec: float = 120.0
    timing: Timing = field(default_factory=Timing)


@dataclass(slots=True)
class _Seen:
    """What is known of one commit. `since`, `looked_at`, `next_at`: monotonic."""

    interval: float
    since: float
    looked_at: float = 0.0
    next_at: float = 0.0
    jobs: dict[str, list[Job]] = field(default_factory=dict)
    turn: int = 0


class Watch:
    """Remembers the jobs of the commits that were asked about lately."""

    def __init__(self, hosting: Hosting, polling: Polling, wake: Callable[[float], None]) -> None:
        self._hosting = hosting
        self._polling = polling
        self._wake = wake
        self._seen: OrderedDict[str, _Seen] = OrderedDict()

    async def jobs(self, sha: str, more: Mapping[str, Listing] = MappingProxyType({})) -> tuple[Job, ...]:
        """The newest run of each job of a commit; what was seen a moment ago is not asked again.

        `more`: listings beside those of the commit.
        """
        return _newest(await self._watched(sha, {**self._listings(sha), **more}))

    async def queue(self, sha: str, branch: str) -> tuple[tuple[Job, ...], tuple[Job, ...]]:
        """The jobs of the newest commit of a branch, and those of its other commits that have not ended."""

        async def others() -> list[Job]:
            return [job for job in await self._hosting.running(branch) if job.sha != sha]

        seen = await self._watched(f"{branch} {sha}", {**self._listings(sha), _OTHERS: others})
        own = {name: jobs for name, jobs in seen.items() if name != _OTHERS}
        return _newest(own), _newest({_OTHERS: seen.get(_OTHERS, [])})

    def forget(self, sha: str) -> None:
        """Look anew next time: its jobs were started again."""
        self._seen.pop(sha, None)

    def poke(self) -> None:
        """Look anew next time, as something is said to have changed; but never without a pause."""
        for seen in self._seen.values():
            seen.next_at = min(seen.next_at, seen.looked_at + _SOONEST_SEC)
        self._wake(_SOONEST_SEC)  # for those whose pause is not over when the loop looks now

    def _listings(self, sha: str) -> dict[str, Listing]:
        return {source: partial(self._hosting.jobs, source, sha) for source in self._hosting.sources}

    async def _watched(self, key: str, listings: Mapping[str, Listing]) -> Mapping[str, list[Job]]:
        monotonic = self._polling.timing.monotonic
        seen = self._seen.setdefault(key, _Seen(self._polling.first_sec, monotonic()))
        self._seen.move_to_end(key)
        if len(self._seen) > _KEPT:
            self._seen.popitem(last=False)
        if monotonic() >= seen.next_at:
            before = _newest(seen.jobs)
            await self._look(seen, listings)
            is_new = _newest(seen.jobs) != before
            seen.interval = self._polling.first_sec if is_new else min(seen.interval * _GROWTH, self._polling.most_sec)
            wait = seen.interval * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311
            seen.looked_at = monotonic()
            seen.next_at = seen.looked_at + wait
            self._wake(wait)
        return seen.jobs

    async def _look(self, seen: _Seen, listings: Mapping[str, Listing]) -> None:
        """Ask one listing, and the others only when it has news. What fails half-way is asked as a whole next time."""
        known, seen.jobs, found = seen.jobs, {}, {}
        pending = next((name for name in listings if _is_pending(known.get(name, ()))), None)
        silent_sec = 0.0 if any(known.values()) else self._polling.timing.monotonic() - seen.since
        if pending or (len(known) == len(listings) and silent_sec < self._polling.first_run_sec / 2):
            first = pending or list(listings)[seen.turn % len(listings)]
            seen.turn += 1
            found[first] = await listings[first]()
            if _is_pending(found[first]) or (not pending and found[first] == known[first]):
                seen.jobs = {**known, **found}
                return
        for name in listings:
            if name not in found:
                found[name] = await listings[name]()
            if _is_pending(found[name]):
                break
        seen.jobs = found


def report_of(jobs: Iterable[Job], judged: str) -> CiReport:
    """What these jobs come to. None at all is silence, and one that was cancelled is no success."""
    found = tuple(jobs)
    failed = [job for job in found if job.outcome in (Outcome.FAILED, Outcome.CANCELLED)]
    running = [job for job in found if job.outcome is Outcome.PENDING]
    named = running or failed or list(found)
    verdict = Verdict.PENDING if running else Verdict.RED if failed else Verdict.GREEN if found else Verdict.SILENT
    checks = tuple(Check(job.name, job.state, job.url) for job in named)
    detail = "\n".join(f"{job.name}: {job.state} {job.url}".rstrip() for job in failed) if not running else ""
    return CiReport(verdict, checks, detail, judged=judged)


def is_superseded(jobs: Iterable[Job]) -> bool:
    """Nothing failed by itself: what is red was cancelled, perhaps in favour of a newer commit."""
    outcomes = {job.outcome for job in jobs}
    return Outcome.CANCELLED in outcomes and not {Outcome.FAILED, Outcome.PENDING} & outcomes


def _is_pending(jobs: Iterable[Job]) -> bool:
    return any(job.outcome is Outcome.PENDING for job in _newest({"": list(jobs)}))


def _newest(listed: Mapping[str, list[Job]]) -> tuple[Job, ...]:
    """The latest run of each job counts, whatever an earlier one came to."""
    newest: dict[tuple[str, str], Job] = {}
    for jobs in listed.values():
        for job in jobs:
            key = (job.source, job.name)
            if key not in newest or job.number >= newest[key].number:
                newest[key] = job
    return tuple(newest.values())
