"""What the tick does with one gate, look by look, in time that only waiting makes pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from mosaic_daemon.forges.base import Forge
from mosaic_daemon.forges.rest import gitea, github, gitlab
from mosaic_daemon.forges.rest.forge import RestForge
from mosaic_daemon.forges.rest.host import Host
from mosaic_daemon.forges.rest.hosting import Hosting
from mosaic_daemon.forges.rest.transport import Transport
from mosaic_daemon.forges.rest.watch import Polling
from mosaic_daemon.ground.failpoints import failpoint
from mosaic_daemon.ground.secrets import Secret
from mosaic_daemon.isolation import Isolation
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.gate import Step
from mosaic_daemon.nouns.task import Status, Task
from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.stages import gate
from mosaic_daemon.stages.gate import GatePolicy
from mosaic_daemon.stages.intake import request
from mosaic_daemon.store.base import Journal
from mosaic_daemon.store.ledger import Ledger
from tests.forges.rest.loopback import OwnTime
from tests.support.gates import OneTask

_E = TypeVar("_E", bound=ev.TaskEvent)
_Client = tuple[Callable[[str, Secret | None], Host], Callable[[Transport, str], Hosting]]

POLICY = GatePolicy("main", ci_timeout=timedelta(minutes=5), queue_timeout=timedelta(minutes=5))

_GITEA: _Client = (gitea.host, gitea.Gitea)
_CLIENTS: dict[str, _Client] = {
    "github": (github.host, github.GitHub),
    "gitea": _GITEA,
    "forgejo": _GITEA,
    "gitlab": (gitlab.host, gitlab.GitLab),
}
_PATIENCE = 12
_MOST_LOOKS = 300


@dataclass
class PassingTime(OwnTime):
    """Starts at the true time, as commits are stamped with it; then only waiting makes it pass."""

    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def now(self) -> datetime:
        return self.started + timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a forge is, and with which token it is asked."""

    dialect: str
    api: str
    repo: str
    token: str

    def forge(self, clone: Clone, time: PassingTime) -> RestForge:
        host, hosting = _CLIENTS[self.dialect]
        transport = Transport(host(self.api, Secret(self.token)), time.timing())
        return RestForge(hosting(transport, self.repo), clone, Polling(timing=time.timing()))


class Driver(OneTask):
    """One daemon with one task.

    Attributes:
        policy: may be replaced at any time. pause_sec: between two looks that move nothing.
    """

    def __init__(self, of: Task, journal: Journal, forge: Forge, time: PassingTime) -> None:
        self.task = of
        self.journal = journal
        self.ledger = Ledger(journal)
        self.forge = forge
        self.time = time
        self.policy = POLICY
        self.pause_sec = 40.0
        self._isolation = Isolation()
        self._has_just_intended = False

    # --- what stands in the ledger ------------------------------------------------------------------------------------

    def events(self, kind: type[_E]) -> list[_E]:
        return [entry.event for _, entry in self.journal.entries() if isinstance(entry.event, kind)]

    def append(self, *events: ev.TaskEvent) -> None:
        self.ledger.append(self.task.id, *events, at=self.time.now())

    def ask(self, wanted: Status = Status.NOT_STARTED) -> None:
        """A person asks for a status, which takes a moment; `retry` asks for not-started."""
        self.time.seconds += 1.0
        event = request(self.record, wanted, "asked", "person")
        assert event is not None
        self.append(event)

    # --- looking ------------------------------------------------------------------------------------------------------

    async def look(self) -> bool:
        """One look at the gate, as the tick takes it. True when it moved."""
        now, just = self.time.now(), self._has_just_intended
        self._has_just_intended = False
        before, step = self.record, self.step
        try:
            event = await gate.advance(before, self.forge, self.policy, gate.Look(now, just))
        except Exception as error:
            trouble = self._isolation.trouble(self.task.id, before, error, now)
            if trouble.give_up is not None:
                self.append(ev.GateBlocked(trouble.give_up))
            return trouble.give_up is not None
        self._isolation.went_well(self.task.id)
        if event is not None:
            self.append(event)
            failpoint(f"gate.{step}.recorded")
        if isinstance(event, ev.GateReturned | ev.GateFailed):
            await gate.tidy(before, self.forge, self.policy)
        self._has_just_intended = isinstance(event, ev.GateIntended)
        return event is not None and not isinstance(event, ev.GateHeld)

    async def pause(self) -> None:
        """Between two looks, when the first has moved nothing."""
        self.time.seconds += self.pause_sec

    async def drive(self, *, until: Step | None = None) -> None:
        """Look until nothing moves any more for some looks, or until it stands on a step."""
        waited = 0
        for _ in range(_MOST_LOOKS):
            if self.step is None or self.step is until or waited > _PATIENCE:
                return
            waited = 0 if await self.look() else waited + 1
            if waited:
                await self.pause()
        raise AssertionError(f"the gate never comes to rest: {self.record.state}")
