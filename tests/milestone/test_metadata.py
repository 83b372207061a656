"""What a milestone is called, and which version it gets."""

from __future__ import annotations

import pytest

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.ground.settings import MilestoneSettings
from mosaic_daemon.milestone import metadata
from mosaic_daemon.planning.plan import Milestone, Plan


def plan(version: str, name: str = "") -> Plan:
    return Plan(Milestone("shop", "MS", version, name), "review", (), (), ())


@pytest.mark.parametrize(
    ("version", "history", "problem"),
    [
        ("0.0.1", [], ""),
        ("0.0.1", ["v0.0.1"], ""),  # its own tag is judged by the step that makes it
        ("0.0.3", ["v0.0.1", "0.0.2", "M6-Fixes"], ""),
        ("0.1.0", ["v0.0.1"], ""),
        ("0.3.0", ["v0.0.1"], "before the MVP versions stay 0.0.x"),
        ("1.0.0", [], "before the MVP versions stay 0.0.x"),
        ("0.0.2", ["v0.0.3"], "it would come after 0.0.3"),
        ("0.2.0", ["v0.1.0"], ""),
    ],
)
def test_the_guides_rule(version: str, history: list[str], problem: str) -> None:
    if problem:
        with pytest.raises(InputError, match=rf"docs/tasks/plan\.json: milestone {version}: .*{problem}"):
            metadata.of_plan(plan(version), history)
    else:
        found = metadata.of_plan(plan(version, "First review"), history)
        assert (found.tag, found.name, found.title) == (f"v{version}", "First review", f"{version} (First review)")


def test_without_a_name_it_is_called_by_its_version() -> None:
    found = metadata.of_plan(plan("0.0.1"), [])
    assert (found.name, found.title) == ("0.0.1", "0.0.1")


def test_a_name_that_is_no_file_is_refused() -> None:
    """Anybody who may change the plan may change it; its archive is a file of that name."""
    with pytest.raises(InputError, match="cannot name a milestone"):
        metadata.of_plan(plan("0.0.1", "../../evil"), [])


def test_another_one_than_the_planned_cannot_be_asked_for() -> None:
    assert metadata.of_plan(plan("0.0.1", "First"), [], "0.0.1: First").name == "First"
    for asked in ("0.0.2", "Second"):
        with pytest.raises(InputError, match=r"the one that is planned is 0.0.1 First"):
            metadata.of_plan(plan("0.0.1", "First"), [], asked)


@pytest.mark.parametrize(
    ("asked", "history", "expected"),
    [
        ("", [], ("0.0.1", "0.0.1")),
        ("", ["v0.0.1", "0.0.2"], ("0.0.3", "0.0.3")),
        ("Hardening", ["v0.0.1"], ("0.0.2", "Hardening")),
        ("0.0.2: Hardening", ["v0.0.1"], ("0.0.2", "Hardening")),
    ],
)
def test_without_a_plan_it_is_the_next_one(asked: str, history: list[str], expected: tuple[str, str]) -> None:
    found = metadata.unplanned("my-shop", MilestoneSettings(), history, asked)
    assert (found.version, found.name, found.prefix) == (*expected, "MS")
