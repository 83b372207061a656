"""A release that dies at any of its steps is run again: one tag, one release on the forge, one archive."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash import failpoints
from tests.crash.commanding import Command, Commands
from tests.e2e.conftest import OnForge
from tests.support.daemon import environment
from tests.support.milestones import archive_commits, done, plan, tags
from tests.support.repo import GATE, Repo

POINTS = sorted(name for name in failpoints.in_source() if name.startswith("release."))
ON_FORGE = [name for name in POINTS if ".publish." in name or ".close." in name]
"""Only these depend on the forge; on none of them there is nothing to do without one."""


OTHERS = ("github", "gitlab")


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    with Commands() as warm:
        yield warm


def release(commands: Commands, repo: Repo, failpoint: str = "") -> int:
    output = str(repo.folder / "said.txt")
    return commands.run(Command(["release"], str(repo.root), environment(repo, {}), output, failpoint))


def said(repo: Repo) -> str:
    return (repo.folder / "said.txt").read_text()


def ready(repo: Repo) -> None:
    done(repo, "T-1", "T-2", deferred="T-3")
    plan(repo, "0.0.1", "First")


def check(repo: Repo) -> None:
    assert list(tags(repo)) == ["v0.0.1"]
    assert tags(repo)["v0.0.1"][0] == "tag"
    assert archive_commits(repo) == ["v0.0.1"]
    assert repo.on_main("docs/TASKS.md") is None
    assert repo.on_main("docs/tasks/First-tasks.md")
    assert repo.statuses() == {}
    assert len(repo.events("milestone-released")) == 1


@pytest.mark.slow
@pytest.mark.parametrize("point", [name for name in POINTS if name not in ON_FORGE or name.endswith("recorded")])
def test_without_a_forge(commands: Commands, tmp_path: Path, point: str) -> None:
    repo = Repo(tmp_path)
    repo.configure(GATE)
    ready(repo)
    assert release(commands, repo, f"{point}=kill") == -signal.SIGKILL, said(repo)
    assert release(commands, repo) == 0, said(repo)
    check(repo)
    assert repo.on_main("docs/releases/v0.0.1.md")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dialect", "point"),
    [
        *(("gitea", point) for point in ON_FORGE),
        *((each, point) for each in OTHERS for point in ON_FORGE if point.endswith("after-act")),
    ],
)
def test_on_a_forge(commands: Commands, tmp_path: Path, dialect: str, point: str) -> None:
    with OnForge.opened(tmp_path, dialect) as place:
        place.fake.issue("phase 1", milestone="First")
        ready(place.repo)
        assert release(commands, place.repo, f"{point}=kill") == -signal.SIGKILL, said(place.repo)
        assert release(commands, place.repo) == 0, said(place.repo)
        check(place.repo)
        [published] = place.fake.releases
        assert (published.tag, published.name) == ("v0.0.1", "v0.0.1")
        assert [milestone.state for milestone in place.fake.milestones] == ["closed"]
        assert place.fake.count("create_release", status=201) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("dialect", "fault"), [("gitea", "dropped"), *((each, "500") for each in ("gitea", *OTHERS))])
def test_what_is_done_and_answered_badly_is_not_done_again(
    commands: Commands, tmp_path: Path, dialect: str, fault: str
) -> None:
    """The forge makes the release, or closes the milestone, and says otherwise."""
    with OnForge.opened(tmp_path, dialect) as place:
        place.fake.issue("phase 1", milestone="First")
        ready(place.repo)
        for operation in ("create_release", "update_milestone"):
            order = place.fake.on(operation)
            order.then_drop() if fault == "dropped" else order.then_answer(500)
        assert release(commands, place.repo) == 0, said(place.repo)
        check(place.repo)
        assert len(place.fake.releases) == place.fake.count("create_release") == 1
        assert place.fake.count("update_milestone") == 1
        assert place.fake.unmet() == []
