"""Tells people when they are needed: each call once, never a flood, and never in the way of the work."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import anyio
from loguru import logger

from mosaic_daemon.ground.clock import Clock
from mosaic_daemon.ground.errors import LedgerError, MosaicError
from mosaic_daemon.ground.secrets import redact
from mosaic_daemon.notifiers.base import Message, Notifier
from mosaic_daemon.nouns.concern import Concern, Told, together
from mosaic_daemon.store.ledger import Ledger

PAUSE_SEC = 5.0
"""Between two messages."""

_MEMO = "escalation:told"
_STATUS = ("mosaic-orchestrator", "status", "--repo")
_FLOOD = 5
_TRIES = 3
_LAST_SEC = 15.0


class Herald:
    """Sends what `see` was given and nobody was told yet.

    Args:
        tell: records a notice (topic, message); an empty message takes it back.
        repository: where it is, for the messages.
    """

    def __init__(self, ledger: Ledger, clock: Clock, tell: Callable[[str, str], None], repository: str) -> None:
        self._ledger = ledger
        self._clock = clock
        self._tell = tell
        self._repository = repository
        self._told = Told.read(ledger.memo(_MEMO))
        self._notifiers: tuple[Notifier, ...] = ()
        self._pending: list[Concern] = []
        self._tried: Counter[str] = Counter()
        self._reached: set[tuple[str, str]] = set()
        self._news = anyio.Event()
        self._hurry = anyio.Event()
        self._sending = anyio.Lock()
        self._last = -PAUSE_SEC

    def see(self, concerns: Iterable[Concern], notifiers: tuple[Notifier, ...]) -> None:
        """What needs a person now. What is not among it any more, and was not sent yet, is not sent."""
        self._notifiers = notifiers
        if not notifiers:
            return
        present = {concern.topic: concern for concern in concerns}
        if self._told.keep(present, self._clock.now()):
            self._store()
        self._pending = [concern for concern in present.values() if not self._told.knows(concern)]
        if self._pending:
            self._news.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._news.wait()
            self._news = anyio.Event()
            await self._deliver()

    async def finish(self) -> None:
        """Send at once what is left, as one message; not for longer than a daemon may take to end."""
        self._hurry.set()
        with anyio.move_on_after(_LAST_SEC):
            await self._deliver()

    async def _deliver(self) -> None:
        async with self._sending:
            while self._pending:
                with anyio.move_on_after(self._last + PAUSE_SEC - anyio.current_time()):
                    await self._hurry.wait()
                # Whatever needs a person may have been taken back meanwhile.
                batch = self._batch()
                if not batch:
                    return
                if await self._sent(batch):
                    for concern in batch:
                        self._told.note(concern, self._clock.now())
                    self._store()
                self._pending = [concern for concern in self._pending if not self._told.knows(concern)]
                self._last = anyio.current_time()

    def _batch(self) -> list[Concern]:
        most = 1 if self._hurry.is_set() else _FLOOD
        return self._pending if len(self._pending) > most else self._pending[:1]

    async def _sent(self, batch: Sequence[Concern]) -> bool:
        """Whether it is over with: everybody has it, or was asked often enough."""
        concern = batch[0] if len(batch) == 1 else together(batch, shlex.join([*_STATUS, self._repository]))
        message = Message(
            redact(concern.text(self._repository).partition("\n")[0]),
            redact(concern.text(self._repository)),
            _masked(concern.document(self._repository)),
        )
        missed = False
        for notifier in self._notifiers:
            if (concern.delivery, notifier.name) not in self._reached:
                missed |= not await self._reaches(notifier, message, concern.delivery)
        self._tried[concern.delivery] += 1
        return not missed or self._tried[concern.delivery] >= _TRIES

    async def _reaches(self, notifier: Notifier, message: Message, delivery: str) -> bool:
        try:
            await notifier.send(message)
        except MosaicError as error:
            self._say(notifier, f"{notifier.name} did not take a message: {error.line}")
        except Exception as error:  # a notifier is never a reason to end
            self._say(notifier, f"{notifier.name} failed: {error!r}")
        else:
            self._reached.add((delivery, notifier.name))
            self._say(notifier, "")
            logger.bind(action="notified").info("{} was told: {}", notifier.name, message.subject)
            return True
        return False

    def _say(self, notifier: Notifier, message: str) -> None:
        try:
            self._tell(f"notify {notifier.name}", redact(message))
        except LedgerError as error:
            logger.warning("{}; {}", redact(message), error.line)

    def _store(self) -> None:
        """A ledger in trouble remembers nothing; this process does."""
        try:
            self._ledger.remember({_MEMO: self._told.text()})
        except LedgerError as error:
            logger.warning("what people were told could not be stored: {}", error.line)


def _masked(document: dict[str, object]) -> dict[str, object]:
    """Every text of it with secrets masked."""
    return {
        name: redact(value)
        if isinstance(value, str)
        else [redact(str(each)) for each in value]
        if isinstance(value, list)
        else value
        for name, value in document.items()
    }
