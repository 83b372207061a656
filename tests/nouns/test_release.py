"""The fold of a release: what may happen to it when, and what a person's asking again resets."""

from __future__ import annotations

import pytest

from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.fold import IllegalTransition
from mosaic_daemon.nouns.fold_system import advance_system
from mosaic_daemon.nouns.gate import Hold
from mosaic_daemon.nouns.release import RELEASE_STEPS, Release, ReleaseStep
from mosaic_daemon.nouns.system import System
from tests.samples import BASE, NOON, at, failure

OPENED = ev.ReleaseOpened("0.0.1", "First", "ada")
INTENDED = {step: ev.ReleaseIntended(step, f"k-{step}", {"x": 1}) for step in RELEASE_STEPS}


def stepped(step: ReleaseStep) -> ev.ReleaseStepped:
    following = RELEASE_STEPS[RELEASE_STEPS.index(step) + 1]
    base = BASE if step is ReleaseStep.VERIFY else None
    return ev.ReleaseStepped(step, {"summary": step.value}, following, base)


def after(*events: ev.SystemEvent) -> Release:
    system = System()
    for number, event in enumerate(events):
        system = advance_system(system, event, at(number))
    assert system.release is not None
    return system.release


def to(step: ReleaseStep) -> list[ev.SystemEvent]:
    """The events that bring a release to a step."""
    return [OPENED, *(stepped(each) for each in RELEASE_STEPS[: RELEASE_STEPS.index(step)])]


RELEASED = [*to(ReleaseStep.ARCHIVE), ev.MilestoneReleased({"summary": "released"})]


def test_the_way_through() -> None:
    release = after(*RELEASED)
    assert (release.version, release.name, release.tag) == ("0.0.1", "First", "v0.0.1")
    assert (release.base_sha, release.finished_at, release.is_active) == (BASE, at(5), False)
    assert set(release.evidence) == {step.value for step in ReleaseStep}


@pytest.mark.parametrize(
    "events",
    [
        [stepped(ReleaseStep.VERIFY)],
        [ev.ReleaseResumed("ada")],
        [OPENED, OPENED],
        [OPENED, stepped(ReleaseStep.TAG)],
        [OPENED, INTENDED[ReleaseStep.TAG]],
        [OPENED, ev.MilestoneReleased({})],
        [OPENED, ev.ReleaseBlocked(failure()), stepped(ReleaseStep.VERIFY)],
        [OPENED, ev.ReleaseBlocked(failure()), ev.ReleaseHeld(Hold("x"))],
        [*RELEASED, ev.ReleaseResumed("ada")],
        [*RELEASED, stepped(ReleaseStep.CLOSE)],
    ],
)
def test_what_does_not_fit_is_refused(events: list[ev.SystemEvent]) -> None:
    """No step twice or out of order, nothing after its end, nothing while it is blocked but being resumed."""
    after(*events[:-1]) if len(events) > 1 else None
    with pytest.raises(IllegalTransition):
        after(*events)


@pytest.mark.parametrize("step", RELEASE_STEPS)
def test_asked_for_again_it_goes_on_where_it_stood(step: ReleaseStep) -> None:
    """Before there is a tag it takes the newest commit there is by then."""
    release = after(*to(step), INTENDED[step], ev.ReleaseBlocked(failure()), ev.ReleaseResumed("ada"))
    again = ReleaseStep.VERIFY if step is ReleaseStep.TAG else step
    assert (release.step, release.failure, release.intent, release.acts) == (again, None, None, 1)
    assert release.is_active


def test_a_next_milestone_takes_its_place() -> None:
    release = after(*RELEASED, ev.ReleaseOpened("0.0.2", "0.0.2", "ada"))
    assert (release.version, release.step, release.evidence, release.finished_at) == (
        "0.0.2",
        ReleaseStep.VERIFY,
        {},
        None,
    )
    assert release.opened_at == at(6) != NOON
