"""A whole project, from its review to the end of its milestone: 30 findings in four phases, with workers that fail,
stall and over-run their estimates, reviewers that find blockers, red CI, and a person who retries and defers.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.e2e import project_oracle as oracle
from tests.support.killing import Killer, seed
from tests.support.project.project import Project

LIFE_SEC = (0.3, 4.0)
LEAST_KILLS = 5

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("project")]


class Finished(NamedTuple):
    """A project whose tasks are all done or deferred, and what was left then."""

    project: Project
    state: dict[str, Any]


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    yield from opened(tmp_path_factory)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    """By daemons that nobody has killed."""
    for each in opened(tmp_path_factory):
        each.run_to_the_end()
        yield Finished(each, oracle.final_state(each))


def opened(folders: pytest.TempPathFactory) -> Iterator[Project]:
    made = Project(folders.mktemp("project"))
    try:
        yield made
    finally:
        made.close()


def test_a_project_is_brought_to_the_end_of_its_milestone(undisturbed: Finished) -> None:
    """Every task done or deferred, every number the same wherever it is shown; then the milestone is released."""
    oracle.check(undisturbed.project)
    undisturbed.project.release()
    oracle.check_release(undisturbed.project)


def test_daemons_that_are_killed_all_the_time_bring_it_to_the_same_end(undisturbed: Finished, project: Project) -> None:
    drawn = seed()
    killer = Killer(project.repo, random.Random(drawn), LIFE_SEC)
    project.run_to_the_end(killer.outlived)
    sys.stdout.write(f"{killer.kills} kills, seed {drawn}\n")
    assert killer.kills >= LEAST_KILLS, f"only {killer.kills} kills: little was tried (seed {drawn})"
    oracle.check(project)
    assert oracle.final_state(project) == undisturbed.state
    project.release(killer.outlived)
    oracle.check_release(project)
