"""Which rail takes a task to a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mosaic_daemon.nouns.task import Task
from mosaic_rails.base import Rail, Reach

_FLEETS = ("nats", "matrix")  # in a configuration that names one, that one is meant
_HERE = "process"
_SESSIONS = "native"


@dataclass(frozen=True, slots=True)
class Delegation:
    """`mode`: `run.delegation`."""

    mode: str
    rails: Mapping[str, Rail]

    def rail_of(self, task: Task) -> str:
        """Its own, or the configured one; with `auto` an attached session comes first.

        A task that is only a command needs nobody's judgement: no session gets it by itself.
        """
        if task.rail is not None:
            return task.rail
        if self.mode != "auto":
            return self.mode
        sessions = self.rails.get(_SESSIONS)
        if sessions is not None and not sessions.trouble and task.command is None:
            return _SESSIONS
        return next((name for name in _FLEETS if name in self.rails), _HERE)

    def starts_here(self, task: Task) -> bool:
        """Whether its rail starts a command on this machine, for which the agent's program has to be here."""
        rail = self.rails.get(self.rail_of(task))
        return rail is None or rail.reach is Reach.COMMAND

    def trouble_of(self, task: Task) -> str:
        """Why the task cannot reach a worker now, one line; empty when it can."""
        name = self.rail_of(task)
        trouble = self.rails[name].trouble if name in self.rails else ""
        return f"rail `{name}`: {trouble}" if trouble else ""

    @property
    def troubles(self) -> dict[str, str]:
        """Of each rail that people count on; nobody has to attach a session."""
        wanted = {name: rail for name, rail in self.rails.items() if name != _SESSIONS or self.mode == _SESSIONS}
        return {name: rail.trouble for name, rail in wanted.items() if rail.trouble}


EVERYTHING_HERE = Delegation(_HERE, {})
