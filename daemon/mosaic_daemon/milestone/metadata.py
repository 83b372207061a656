"""The guide's release metadata: the milestone's name, its version, its tag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.ground.settings import MilestoneSettings
from mosaic_daemon.planning import versions
from mosaic_daemon.planning.papers.capfile import PLAN_FILE
from mosaic_daemon.planning.plan import Plan, prefix_of


@dataclass(frozen=True, slots=True)
class Metadata:
    """Attributes:
    name: people's name for it; the version where it has none. prefix: of task ids.
    phases: titles by number, as far as they are planned.
    """

    project: str
    version: str
    name: str
    prefix: str
    phases: Mapping[int, str] = field(default_factory=dict)

    @property
    def tag(self) -> str:
        return f"v{self.version}"

    @property
    def title(self) -> str:
        """Both, for people: `0.0.1 (First review)`."""
        return self.version if self.name == self.version else f"{self.version} ({self.name})"


def of_plan(plan: Plan, history: Iterable[str], asked: str = "") -> Metadata:
    """Of a planned milestone. `history`: names of tags and of archived milestones. `asked`: what a person calls it.

    Raises:
        InputError: its version breaks the guide's rule, or its name cannot be that of an archive.
    """
    milestone = plan.milestone
    own = versions.version_of(milestone.version)
    wanted = versions.read(asked)
    if wanted.version not in ("", milestone.version) or wanted.name not in ("", milestone.name):
        planned = f"{milestone.version} {milestone.name}".strip()
        raise InputError(f"milestone {asked}: the one that is planned is {planned}", source=PLAN_FILE)
    past = [each for each in history if versions.version_of(each) != own]
    try:
        version = versions.planned(milestone.version, past, mvp=own == versions.MVP)
        name = versions.read(milestone.name).name if milestone.name else ""
    except InputError as error:
        raise InputError(error.problem, source=PLAN_FILE, remedy=error.remedy) from None
    return Metadata(milestone.project, version, name or version, milestone.prefix, phases(plan))


def phases(plan: Plan) -> dict[int, str]:
    """Their titles by number."""
    return {phase.number: phase.title for phase in plan.phases}


def unplanned(project: str, settings: MilestoneSettings, history: Iterable[str], asked: str = "") -> Metadata:
    """Of tasks that no plan names: the next version there is.

    Args:
        asked: what a person calls it: a version, a name, or both.

    Raises:
        InputError: the rule forbids it.
    """
    wanted = versions.read(asked)
    version = versions.planned(wanted.version, history, mvp=settings.mvp)
    name = wanted.name or (versions.read(settings.name).name if settings.name else "")
    return Metadata(project, version, name or version, settings.prefix or prefix_of(project))
