"""The state of the whole repository is a fold of events as well (`fold.py` has that of a task)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.fold import IllegalTransition
from mosaic_daemon.nouns.phase import PhaseState
from mosaic_daemon.nouns.release import Release, ReleaseStep
from mosaic_daemon.nouns.system import System

ReleaseEvent = (
    ev.ReleaseOpened
    | ev.ReleaseStepped
    | ev.ReleaseIntended
    | ev.ReleaseHeld
    | ev.ReleaseBlocked
    | ev.ReleaseResumed
    | ev.MilestoneReleased
)
_REPEATED = (ReleaseStep.VERIFY, ReleaseStep.TAG)
"""Before there is a tag, a release that is asked for again takes the newest commit there is by then."""


def advance_system(system: System, event: ev.SystemEvent, at: datetime) -> System:
    """The repository's state after `event`.

    Raises:
        IllegalTransition: the event does not fit; nothing may be stored.
    """
    match event:
        case ev.RuntimeHeld(runtime=runtime, hold=hold):
            return replace(system, holds={**system.holds, runtime: hold})
        case ev.RuntimeReleased(runtime=runtime):
            return replace(system, holds={k: v for k, v in system.holds.items() if k != runtime})
        case ev.DrainChanged(draining=draining):
            return replace(system, draining=draining)
        case ev.PhaseMoved(phase=phase, stage=stage, inventory=inventory):
            return replace(system, phases={**system.phases, phase: PhaseState(stage, inventory)})
        case ev.Reported():
            return system
        case _:
            release = _released(system.release, event, at)
            if release is None:
                raise IllegalTransition(None, event)
            is_over = release.finished_at is not None  # the next milestone's phases begin anew
            return replace(system, release=release, phases={} if is_over else system.phases)


def _released(release: Release | None, event: ReleaseEvent, at: datetime) -> Release | None:
    """The release after `event`; None: the event does not fit, and nothing may be stored."""
    if isinstance(event, ev.ReleaseOpened):
        is_free = release is None or release.finished_at is not None
        return Release(event.version, event.name, at, event.source, since=at) if is_free else None
    if release is None or release.finished_at is not None:
        return None
    match event:
        case ev.ReleaseResumed():
            step = ReleaseStep.VERIFY if release.step in _REPEATED else release.step
            return replace(release, step=step, failure=None, hold=None, intent=None, since=at)
        case _ if release.failure is not None:
            return None
        case ev.ReleaseStepped(step=step, evidence=evidence) if step is release.step:
            return replace(
                release,
                step=event.next,
                base_sha=event.base_sha or release.base_sha,
                evidence={**release.evidence, step.value: evidence},
                intent=None,
                hold=None,
                since=at,
            )
        case ev.ReleaseIntended(step=step, request=request) if step is release.step:
            return replace(release, intent=request, acts=release.acts + 1)
        case ev.ReleaseHeld(hold=hold):
            return replace(release, hold=hold)
        case ev.ReleaseBlocked(failure=failure):
            return replace(release, failure=failure, hold=None)
        case ev.MilestoneReleased(evidence=evidence) if release.step is ReleaseStep.ARCHIVE:
            done = {**release.evidence, ReleaseStep.ARCHIVE.value: evidence}
            return replace(release, evidence=done, intent=None, hold=None, finished_at=at)
        case _:
            return None
