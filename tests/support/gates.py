"""A ledger with one task in its gate, as tests of the gate look at it."""

from __future__ import annotations

from mosaic_daemon.nouns.gate import Gate, Step
from mosaic_daemon.nouns.record import Blocked, Gating, Record
from mosaic_daemon.nouns.task import Status, Task
from mosaic_daemon.store.ledger import Ledger


class OneTask:
    """Where the task stands."""

    task: Task
    ledger: Ledger

    @property
    def record(self) -> Record:
        return self.ledger.records[self.task.id]

    @property
    def status(self) -> Status:
        return self.record.status

    @property
    def gate(self) -> Gate | None:
        state = self.record.state
        return state.gate if isinstance(state, Gating | Blocked) else None

    @property
    def step(self) -> Step | None:
        return self.gate.step if self.gate and isinstance(self.record.state, Gating) else None
