"""What CI says of the commits a gate asks about: the base branch's, the change's, the merge's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from mosaic_daemon.forges.base import Answer, Check, CiReport, Forbidden, Verdict
from mosaic_daemon.forges.rest.hosting import Hosting, Job, Outcome, Rules
from mosaic_daemon.forges.rest.watch import Listing, Polling, Watch, is_superseded, report_of
from mosaic_daemon.nouns.attempt import Failure, FailureClass
from mosaic_daemon.repository.clone import Clone

_RULES_SEC = 300.0
_DESCENDANTS = 5


class Verdicts:
    """Of one repository. `wake`: asked to be called again in so many seconds."""

    def __init__(self, hosting: Hosting, clone: Clone, polling: Polling, wake: Callable[[float], None]) -> None:
        self._hosting = hosting
        self._clone = clone
        self._polling = polling
        self._watch = Watch(hosting, polling, wake)
        self._rules: tuple[float, Rules] | None = None

    def poke(self) -> None:
        self._watch.poke()

    async def of_branch(self, base_sha: str) -> CiReport:
        """The newest commit up to `base_sha` that is no tracking commit, and whatever older ones still run."""
        judged = await self._clone.commits.below_tracking(base_sha)
        own, others = await self._watch.queue(judged, self._clone.branch)
        report = self._report(own, judged)
        if report.verdict is Verdict.SILENT:
            if not await self._is_old(judged):
                return report
            detail = f"no check of {judged} in {self._polling.first_run_sec} s"
            report = replace(report, verdict=Verdict.ABSENT, detail=detail)
        if report.verdict in (Verdict.GREEN, Verdict.ABSENT) and others:
            return replace(self._report(others, judged), judged=judged)
        return report

    async def _is_old(self, sha: str) -> bool:
        """Whether a commit has been there for so long that its checks must have started."""
        age = self._polling.timing.clock.now().timestamp() - await self._clone.commits.committed_at(sha)
        return age >= self._polling.first_run_sec

    async def is_pending(self, sha: str, more: Mapping[str, Listing]) -> bool:
        return report_of(await self._watch.jobs(sha, more), "").verdict is Verdict.PENDING

    async def of_change(self, sha: str, more: Mapping[str, Listing]) -> CiReport:
        """`more`: listings beside those of its head."""
        jobs = await self._watch.jobs(sha, more)
        return await self._expecting(self._report(jobs, sha), sha)

    async def of_merge(self, sha: str) -> CiReport:
        """One that was cancelled because a newer one came is judged by that."""
        jobs = await self._watch.jobs(sha)
        if is_superseded(jobs) and (report := await self._later(sha)) is not None:
            return report
        return await self._expecting(self._report(jobs, sha), sha)

    async def _later(self, sha: str) -> CiReport | None:
        """CI of a commit was cancelled, perhaps in favour of a newer one: the first that has its own speaks for both.

        One that came a moment ago may not have started it yet. None: no newer commit speaks for it.
        """
        await self._clone.base()
        newest = None
        for later in await self._clone.commits.descendants(sha, _DESCENDANTS):
            jobs, newest = await self._watch.jobs(later), later
            if jobs and not is_superseded(jobs):
                return replace(self._report(jobs, later), judged=later)
        if newest is None or await self._is_old(newest):
            return None
        waits = (Check(f"CI of {newest}", "not heard of yet"),)
        return CiReport(Verdict.PENDING, waits, judged=newest, command=self._hosting.ci_command(newest))

    async def rerun(self, sha: str) -> Answer:
        red = [job for job in await self._watch.jobs(sha) if job.outcome in (Outcome.FAILED, Outcome.CANCELLED)]
        runs: dict[str, Job] = {job.run: job for job in red if job.run}
        answer: Answer = Forbidden(_no_rerun(self._hosting.ci_command(sha)))
        for job in runs.values():
            answer = await self._hosting.rerun(job)
        self._watch.forget(sha)
        return answer

    def _report(self, jobs: Iterable[Job], sha: str) -> CiReport:
        return replace(report_of(jobs, ""), command=self._hosting.ci_command(sha))

    async def _expecting(self, report: CiReport, sha: str) -> CiReport:
        """A silent report with what speaks against there being no CI at all."""
        if report.verdict is not Verdict.SILENT:
            return report
        required = (await self._known_rules()).required
        files = await self._clone.commits.existing(sha, self._hosting.ci_files)
        why = [f"`{file}`" for file in files] + [f"the required check `{name}`" for name in required]
        detail = "" if why else "no check appeared, no CI file is in the commit, and none is required"
        return replace(report, expected=" and ".join(why), detail=detail)

    async def _known_rules(self) -> Rules:
        if self._rules is None or self._polling.timing.monotonic() - self._rules[0] > _RULES_SEC:
            self._rules = (self._polling.timing.monotonic(), await self._hosting.rules(self._clone.branch))
        return self._rules[1]


def _no_rerun(command: str) -> Failure:
    return Failure(FailureClass.CI, "gate", "its red jobs cannot be run again from here", command, code="no_rerun")
