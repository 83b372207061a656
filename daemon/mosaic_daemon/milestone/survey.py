"""What the base branch says of a milestone: its plan, its papers, its archive. Only reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mosaic_daemon.ground.settings import MilestoneSettings
from mosaic_daemon.milestone import metadata
from mosaic_daemon.milestone.archive import MOVED
from mosaic_daemon.milestone.metadata import Metadata
from mosaic_daemon.nouns.documentation import CHECKLIST
from mosaic_daemon.nouns.record import Record
from mosaic_daemon.nouns.release import Release
from mosaic_daemon.nouns.stopping import Requirements, Situation
from mosaic_daemon.planning import standing
from mosaic_daemon.planning.archives import FOLDER, SUFFIX
from mosaic_daemon.planning.learning.retrospect import Retrospective, retrospective
from mosaic_daemon.planning.learning.samples import samples_of
from mosaic_daemon.planning.papers import heuristics
from mosaic_daemon.planning.papers import record as plans
from mosaic_daemon.planning.papers.capfile import PLAN_FILE
from mosaic_daemon.planning.papers.heuristics import ESTIMATES
from mosaic_daemon.planning.plan import Plan
from mosaic_daemon.planning.planner.learned import NOTHING_LEARNED, Heuristics
from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.repository.tags import Tags
from mosaic_daemon.store.reader import Proof


@dataclass(frozen=True, slots=True)
class Survey:
    """Of one commit.

    Attributes:
        situation: what the stopping criteria are judged by. open_items: of the documentation checklist.
        archived: what will be moved, by path. taken: paths in the archive.
    """

    base: str
    plan: Plan | None
    metadata: Metadata
    situation: Situation
    open_items: tuple[str, ...]
    archived: Mapping[str, bytes]
    taken: frozenset[str]
    heuristics: Heuristics

    def retrospective(self, records: Iterable[Record]) -> Retrospective:
        """The final one."""
        found = samples_of(records, self.plan)
        return retrospective(found.samples, self.heuristics, found.unmeasured)


class Surveyor:
    """`project`: the repository's name; `provider`: of the forge."""

    def __init__(self, clone: Clone, tags: Tags, settings: MilestoneSettings, project: str, provider: str) -> None:
        self._clone = clone
        self._tags = tags
        self._settings = settings
        self._project = project
        self._provider = provider

    async def survey(self, records: Sequence[Record], asked: str = "") -> Survey:
        """Of the newest commit of the base branch.

        Raises:
            InputError: the plan cannot be read, or the version breaks the guide's rule. Unavailable: no origin.
        """
        base = await self._clone.base()
        plan = await self._plan(base)
        history = [*(await self._tags.all()), *(await self._archives(base))]
        if plan is None:
            found = metadata.unplanned(self._project, self._settings, history, asked)
        else:
            found = metadata.of_plan(plan, history, asked)
        return await self._of(base, plan, found, records)

    async def of_release(self, release: Release, records: Sequence[Record]) -> Survey:
        """Of the commit that the release has pinned, or of the newest one before it has."""
        base = release.base_sha or await self._clone.base()
        plan = await self._plan(base)
        phases = metadata.phases(plan) if plan else {}
        project = plan.milestone.project if plan else self._project
        found = Metadata(project, release.version, release.name, "", phases)
        return await self._of(base, plan, found, records)

    async def at(self, base: str) -> tuple[dict[str, bytes], frozenset[str]]:
        """What a commit has of what is moved, and the paths of its archive."""
        texts = {path: await self._clone.commits.read(base, path) for path in MOVED}
        there = {path: text for path, text in texts.items() if text is not None}
        return there, frozenset(await self._clone.commits.files(base, f"{FOLDER}/"))

    async def _of(self, base: str, plan: Plan | None, found: Metadata, records: Sequence[Record]) -> Survey:
        proofs = [standing.proof_of(each) for each in records]
        checklist = await self._text(base, CHECKLIST)
        items = tuple(standing.open_items(checklist)) if checklist is not None else ()
        situation = Situation(
            tasks=[standing.standing(each) for each in proofs],
            requirements=await self._requirements(base, proofs),
            checklist=(CHECKLIST, len(items)) if checklist is not None else None,
            provider=self._provider,
            milestone=found.version,
        )
        estimates = await self._clone.commits.read(base, ESTIMATES)
        factors = heuristics.parsed(estimates, source=ESTIMATES) if estimates is not None else NOTHING_LEARNED
        there, taken = await self.at(base)
        return Survey(base, plan, found, situation, items, there, taken, factors)

    async def _plan(self, base: str) -> Plan | None:
        data = await self._clone.commits.read(base, PLAN_FILE)
        return plans.parsed(data, source=PLAN_FILE).plan if data is not None else None

    async def _archives(self, base: str) -> list[str]:
        names = (path.removeprefix(f"{FOLDER}/") for path in await self._clone.commits.files(base, f"{FOLDER}/"))
        return [name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)]

    async def _requirements(self, base: str, proofs: Sequence[Proof]) -> Requirements | None:
        for name in standing.PAPERS:
            text = await self._text(base, name)
            if text and text.strip():
                changed = await self._clone.commits.commits_of(base, name, 1)
                at = await self._clone.commits.committed_at(changed[0]) if changed else None
                moment = datetime.fromtimestamp(at, UTC) if at is not None else None
                return standing.requirements(name, text, proofs, moment)
        return None

    async def _text(self, base: str, path: str) -> str | None:
        data = await self._clone.commits.read(base, path)
        return data.decode("utf-8", "replace") if data is not None else None
