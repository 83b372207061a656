"""The release of a milestone from its opening to its end: what is asked of it, and the events that follow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mosaic_daemon.forges.base import Forge
from mosaic_daemon.forges.releases import Releases
from mosaic_daemon.ground.layout import TABLE
from mosaic_daemon.ground.settings import MilestoneSettings
from mosaic_daemon.milestone import archive, notes, readiness, recovery
from mosaic_daemon.milestone.archive import Papers
from mosaic_daemon.milestone.metadata import Metadata
from mosaic_daemon.milestone.steps import Contents, Outside, Steps
from mosaic_daemon.milestone.survey import Survey, Surveyor
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.record import Deferred, Done, Record
from mosaic_daemon.nouns.release import Release, ReleaseStep
from mosaic_daemon.planning.learning import export
from mosaic_daemon.planning.learning.retrospect import Retrospective
from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.repository.qa_reports import QaReports
from mosaic_daemon.repository.tags import Tags
from mosaic_daemon.stages.gate import GatePolicy
from mosaic_daemon.store.ledger import Ledger

Happened = list[tuple[str, ev.Event]]
"""Events with their tasks; the release's own have none."""

_PULL_SIGNS = {"gitea": "#", "github": "#", "gitlab": "!", "wrappers": "#"}
_BEFORE_TAG = (ReleaseStep.VERIFY, ReleaseStep.TAG)


@dataclass(frozen=True, slots=True)
class Place:
    """What a release works with.

    Attributes:
        project: the repository's name. provider: of the forge.
        tracks: the daemon commits its tracking files; without that there is no archive.
        open_releases: where the release of a tag is published.
    """

    ledger: Ledger
    clone: Clone
    tags: Tags
    forge: Forge
    policy: GatePolicy
    settings: MilestoneSettings
    reports: QaReports
    project: str
    provider: str
    tracks: bool
    open_releases: Callable[[str], Awaitable[Releases]]


@dataclass(frozen=True, slots=True)
class Opening:
    """What came of asking for a release.

    Attributes:
        said: one line. happened: what is to be recorded.
        remediation: documentation tasks that have to be done first; the release is not opened yet.
        released: it is released already.
    """

    said: str
    happened: Happened
    remediation: tuple[str, ...] = ()
    released: bool = False


class Milestones:
    """Releases of one repository's milestones, one at a time. Only one of them is open at any time."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._surveyor = Surveyor(place.clone, place.tags, place.settings, place.project, place.provider)
        self._releases: tuple[str, Releases] | None = None
        self._recovered = ("", "")

    @property
    def is_automatic(self) -> bool:
        return self._place.settings.release == "auto"

    async def opening(self, source: str, asked: str = "") -> Opening:
        """Somebody asks for the release. `asked`: what a milestone is called that no plan names.

        Raises:
            Refused: a task is not over, or something only a person can do is left; the message lists it.
            InputError: its version breaks the guide's rule.
            Unavailable: the origin cannot be reached.
        """
        release, records = self._place.ledger.system.release, list(self._place.ledger.listed())
        if release is not None and release.finished_at is not None and not records:
            return Opening(str(release.evidence[ReleaseStep.ARCHIVE]["summary"]), [], released=True)
        if release is not None and release.finished_at is None:
            if release.is_active:
                return Opening(f"milestone {release.version} is being released", [])
            if release.step in _BEFORE_TAG:
                readiness.check_tasks(records)
            return Opening(f"the release of {release.version} goes on", [("", ev.ReleaseResumed(source))])
        readiness.check_tasks(records)
        return self._opened(await self._surveyor.survey(records, asked), records, source)

    async def by_itself(self) -> Opening | str:
        """The same by the daemon, or what of the stopping criteria is not met."""
        records = list(self._place.ledger.listed())
        readiness.check_tasks(records)
        survey = await self._surveyor.survey(records)
        opening = self._opened(survey, records, "milestone.release")
        missing = [] if opening.remediation else readiness.unmet(survey.situation)
        return f"the milestone is not released by itself: {'; '.join(missing)}" if missing else opening

    async def advance(self, now: datetime, *, has_just_intended: bool) -> Happened:
        """What moves the open release on; empty when it has to wait.

        Raises:
            Unavailable: something cannot be asked now.
        """
        release = self._place.ledger.system.release
        assert release is not None  # noqa: S101
        place = self._place
        outside = Outside(place.clone, place.tags, place.forge, place.policy, await self._opened_releases(release.tag))
        steps = Steps(release, outside, await self._contents(release), now)
        event = await steps.advance(has_just_intended=has_just_intended)
        if event is None:
            return []
        if not isinstance(event, ev.MilestoneReleased):
            return [("", event)]
        await place.reports.archive(release.name)
        return [("", event), *((each.id, ev.TaskArchived(release.version)) for each in self._over(event))]

    async def recovery(self) -> str:
        """What there is to be resumed while there is no table and no task; empty: nothing."""
        base, release = await self._place.clone.base(), self._place.ledger.system.release
        if base == self._recovered[0]:
            return self._recovered[1]
        released = release.version if release is not None and release.finished_at is not None else ""
        self._recovered = (base, await recovery.found(self._place.clone, base, released))
        return self._recovered[1]

    async def preview(self, now: datetime, asked: str = "") -> dict[str, Any]:
        """What a release would do, as JSON; nothing is changed. Raises as `opening`."""
        records = list(self._place.ledger.listed())
        readiness.check_tasks(records)
        survey = await self._surveyor.survey(records, asked)
        opening = self._opened(survey, records, "")
        milestone, found = survey.metadata, survey.retrospective(records)
        facts = notes.Facts(survey.base, "", now.date(), _PULL_SIGNS.get(self._place.provider, ""))
        text = notes.rendered(milestone, records, facts, found)
        is_file = self._place.provider == "internal"
        papers = Papers(text if is_file else "", _retrospective(milestone, found, now), ())
        there = {TABLE: b"", **survey.archived}  # the table is published before the release
        archived = archive.files(milestone, there, survey.taken, papers)
        return {
            "version": milestone.version,
            "name": milestone.name,
            "tag": milestone.tag,
            "base_sha": survey.base,
            "provider": self._place.provider,
            "remediation": [event.task.description for _, event in opening.happened if isinstance(event, ev.TaskAdded)],
            "deferred": {each.id: each.state.reason for each in records if isinstance(each.state, Deferred)},
            "archive": sorted(archived) if self._place.tracks else [],
            "notes": text,
        }

    async def recorded(self) -> None:
        """Everything that was answered so far is in the ledger: what is not needed any more is given back."""
        release = self._place.ledger.system.release
        if self._releases is not None and (release is None or not release.is_active):
            await self.aclose()

    async def aclose(self) -> None:
        if self._releases is not None:
            _, releases = self._releases
            self._releases = None
            await releases.aclose()

    # --- pieces -------------------------------------------------------------------------------------------------------

    def _opened(self, survey: Survey, records: Sequence[Record], source: str) -> Opening:
        milestone = survey.metadata
        gaps = readiness.documentation_gaps(survey.situation, survey.open_items)
        everything = list(self._place.ledger.records.values())
        tasks = readiness.remediation(gaps, everything, milestone.prefix, milestone.version)
        if not tasks:
            opened = ev.ReleaseOpened(milestone.version, milestone.name, source)
            return Opening(f"milestone {milestone.title} is being released", [("", opened)])
        first = self._place.ledger.next_position()
        added: Happened = [
            (task.id, ev.TaskAdded(task, first + number, f"release {milestone.version}"))
            for number, task in enumerate(tasks)
        ]
        names = tuple(task.id for task in tasks)
        said = f"the documentation is not complete: {', '.join(names)} first, then the release"
        return Opening(said, added, names)

    def _over(self, event: ev.MilestoneReleased) -> list[Record]:
        """What goes into the archive; without one nothing does."""
        if not event.evidence["commit"]:
            return []
        return [each for each in self._place.ledger.listed() if isinstance(each.state, Done | Deferred)]

    async def _opened_releases(self, tag: str) -> Releases:
        if self._releases is None or self._releases[0] != tag:
            await self.aclose()
            self._releases = (tag, await self._place.open_releases(tag))
        return self._releases[1]

    async def _contents(self, release: Release) -> Contents:
        """What is written, from the ledger and from the plan as it was in the tagged commit."""
        records = list(self._place.ledger.listed())
        survey = await self._surveyor.of_release(release, records)
        milestone, found = survey.metadata, survey.retrospective(records)
        ci = str(release.evidence.get(ReleaseStep.VERIFY.value, {}).get("verdict", ""))
        sign = _PULL_SIGNS.get(self._place.provider, "")
        facts = notes.Facts(release.base_sha or "", ci, release.opened_at.date(), sign)

        def text() -> str:
            return notes.rendered(milestone, records, facts, found)

        async def archived(base: str) -> dict[str, bytes | None]:
            if not self._place.tracks:
                return {}
            is_file = "file" in release.evidence.get(ReleaseStep.PUBLISH.value, {})
            ended = _retrospective(milestone, found, release.opened_at)
            papers = Papers(text() if is_file else "", ended, _closing(milestone, release))
            return archive.files(milestone, *await self._surveyor.at(base), papers)

        return Contents(text, archived, archive.message(milestone))


def _retrospective(milestone: Metadata, found: Retrospective, at: datetime) -> str:
    return export.section(found, export.Milestone(milestone.project, milestone.title), at.date())


def _closing(milestone: Metadata, release: Release) -> list[str]:
    seen = [release.evidence.get(step.value, {}) for step in (ReleaseStep.TAG, ReleaseStep.PUBLISH, ReleaseStep.CLOSE)]
    told = [str(each["summary"]) for each in seen if each.get("summary")]
    return [f"Milestone {milestone.title} completed on {release.opened_at.date().isoformat()}", *told]
