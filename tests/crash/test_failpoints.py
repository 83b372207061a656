"""Death, or an I/O error, at every named place of the product: hit, and harmless."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import mosaic_daemon
from mosaic_daemon.nouns.gate import STEPS
from tests.crash import oracle
from tests.support.fixtures import Start
from tests.support.repo import Repo

pytestmark = pytest.mark.slow

TASKS = ("A", "B")

#: Reached by a delivery through the internal forge, each at the first or a later time.
DELIVERY = (
    "store.before-commit:5",
    "store.after-commit:5",
    "store.before-commit:14",
    "store.after-commit:14",
    "dispatch.intended",
    "dispatch.preparing",
    "dispatch.prepared",
    "dispatch.offered:2",
    "collect.recorded",
    "gate.merge.before-act",
    "gate.merge.after-act",
    *(f"gate.{step}.recorded" for step in STEPS),
    "publish.queue.before-act",
    "publish.queue.after-act",
    "publish.table.before-act",
    "publish.table.after-act",
)

#: Acts that the internal forge has no need of; a forge in memory has.
OTHER_FORGES = ("gate.pr.before-act", "gate.pr.after-act", "gate.close.before-act", "gate.close.after-act")


def named_in_source() -> set[str]:
    """The names at all calls of `failpoint` in the product; `{step}` stands for each step of the gate."""
    found: set[str] = set()
    for file in Path(mosaic_daemon.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "failpoint":
                text = ast.unparse(node.args[0])
                if "{step}" in text:
                    found |= {ast.literal_eval(text.removeprefix("f")).replace("{step}", step) for step in STEPS}
                else:
                    found.add(ast.literal_eval(node.args[0]))
    return found


def test_every_failpoint_of_the_source_is_tried() -> None:
    """A new one has to be added to one of the two lists."""
    assert {name.partition(":")[0] for name in (*DELIVERY, *OTHER_FORGES)} == named_in_source()


@pytest.mark.parametrize("place", DELIVERY)
def test_death_at_this_place_loses_nothing_and_repeats_nothing(place: str, repo: Repo, start: Start) -> None:
    """The daemon dies there as by `kill -9`; the next one finishes the work."""
    repo.write_tasks(repo.task("A"), repo.task("B", depends_on=["A"]))
    dying = start(repo, "--until-idle", env={"MOSAIC_FAILPOINT": f"{place}=kill"})
    assert dying.wait() == -signal.SIGKILL, f"{place} was not hit"
    assert start(repo, "--until-idle").wait() == 0
    oracle.check(repo, TASKS)


@pytest.mark.parametrize("place", DELIVERY)
def test_an_input_output_error_at_this_place_is_survived(place: str, repo: Repo, start: Start) -> None:
    """The daemon says so, tries again, and delivers; where it has to end, the next one delivers."""
    repo.write_tasks(repo.task("A"), repo.task("B", depends_on=["A"]))
    daemon = start(repo, "--until-idle", env={"MOSAIC_FAILPOINT": f"{place}=raise"})
    code = daemon.wait()
    name = place.partition(":")[0]
    assert f"injected at {name}" in daemon.log, f"{place} was not hit"
    if code != 0:
        assert start(repo, "--until-idle").wait() == 0
    oracle.check(repo, TASKS)


_ONE_GATE = """
    import asyncio
    from tests.stages.gates import GateBench

    asyncio.run(GateBench().run())
"""


@pytest.mark.parametrize("place", OTHER_FORGES)
def test_the_acts_of_other_forges_are_reached(place: str) -> None:
    """A gate over the forge in memory dies there; `tests/stages` shows that the next daemon goes on."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_ONE_GATE)],
        env={**os.environ, "MOSAIC_FAILPOINT": f"{place}=kill"},
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
