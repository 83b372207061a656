"""Who may change which file: what a worker needs leave for, and what the daemon itself may commit.

The guide's "Orchestrator Boundaries": workers never modify the tracking files, the orchestrator never touches source.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mosaic_daemon.ground.errors import Refused
from mosaic_daemon.ground.layout import TABLE

OWN_PATHS = (
    TABLE,
    "docs/tasks/",
    "docs/releases/",
    "docs/PRD.md",
    "docs/PRD.json",
    "docs/reports/deferred/",
    "docs/reports/qa-automation/",
    ".gitignore",
)
"""All that a commit of the daemon's own may hold; a trailing `/` stands for everything below."""

CI_PATHS = (
    *(".github/workflows/", ".github/actions/", ".gitea/", ".forgejo/", ".gitlab-ci.yml", ".gitlab/ci/"),
    *(".woodpecker/", ".woodpecker.yml", ".woodpecker.yaml", ".circleci/", "Jenkinsfile", "azure-pipelines.yml"),
    *("azure-pipelines.yaml", "azure-pipelines/", ".azure-pipelines/", ".ci/", ".drone.yml", ".buildkite/"),
    ".travis.yml",
)
"""Where CI is told what to do."""

_STATE = ".mosaic/orchestrator/"
_TRACKING = {
    TABLE: "only the orchestrator writes it",
    "docs/tasks/": "only the orchestrator writes there",
    ".mosaic/": "it belongs to the orchestrator",
}
_OWNERS = {
    **_TRACKING,
    **dict.fromkeys(CI_PATHS, "it decides what is checked before a merge"),
}
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Leave:
    """What a worker may change although it is not a worker's.

    Attributes:
        files: the task's: such a file itself, or a folder of them. A folder above them gives no leave.
        patterns: `worker.may_change`; `*` stands for anything, `/` too. The table has to be named.
    """

    files: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()

    def covers(self, path: str, guard: str) -> bool:
        """Whether `path`, guarded as `guard`, may be changed."""
        if path.startswith(_STATE):
            return False
        if path in self.files or path in self.patterns:
            return True
        folders = [f"{name.rstrip('/')}/" for name in self.files]
        by_folder = any(path.startswith(folder) and folder.startswith(guard) for folder in folders)
        return by_folder or (guard != TABLE and any(fnmatchcase(path, pattern) for pattern in self.patterns))


def trespass(paths: Iterable[str], leave: Leave) -> str:
    """Which of these paths a worker may not change, and why, on one line; empty when it may change them all."""
    found: dict[str, list[str]] = {}
    for path in paths:
        # A file or a link where such a folder has to be takes its place.
        guard = next((place for place in _OWNERS if _is_at(path, place) or place.startswith(f"{path}/")), None)
        if guard is not None and not leave.covers(path, guard):
            found.setdefault(_OWNERS[guard], []).append(path)
    if not found:
        return ""
    told = "; ".join(f"{_some(names)} ({why})" for why, names in found.items())
    return (
        f"it changes without leave: {told}. Leave them as they are; where the task is just that, a person names them "
        "in its `files`, or in `worker.may_change`"
    )


def is_tracking(path: str) -> bool:
    """Whether it is, or is in, what the orchestrator keeps its own books in: only a person gives leave for that."""
    return any(_is_at(path, place) or f"{path}/" == place for place in _TRACKING)


def check_own(files: Iterable[str]) -> None:
    """The last guard before a commit of the daemon's own.

    Raises:
        Refused: one of the paths is not on the allow-list; nothing was committed.
    """
    foreign = [path for path in files if not _is_plain(path) or not any(_is_at(path, own) for own in OWN_PATHS)]
    if foreign:
        raise Refused(
            f"the orchestrator does not commit {_some(foreign)}: only its own files",
            remedy="changes of source are workers' and go through a gate; please report this as a bug",
        )


def _is_at(path: str, place: str) -> bool:
    return path.startswith(place) if place.endswith("/") else path == place


def _is_plain(path: str) -> bool:
    """No detour that would lead somewhere else than the beginning says."""
    return not {"", ".", ".."} & set(path.split("/"))


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
