"""Tells people when they are needed: each call once, never a flood, and never in the way of the work."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

import anyio
from loguru import logger

from mosaic_daemon.ground.clock import Clock
from mosaic_daemon.ground.errors import LedgerError, MosaicError, Unavailable
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
_MOST_RESTS = 20  # in a row: some two and a half hours of outage
_LONGEST_PAUSE_SEC = 600.0
_LONGEST_SEC = 60.0  # for one message: a receiver that answers byte by byte keeps nobody else waiting
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
        self._rests: dict[str, datetime] = {}
        self._rested: Counter[str] = Counter()
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
        self._pending = [self._told.dated(each) for each in present.values() if not self._told.knows(each)]
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
        self._news.set()
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
                    if self._hurry.is_set() or not await self._rest():
                        return
                    continue
                if over := await self._send(batch):
                    for concern in over:
                        self._told.note(concern, self._clock.now())
                    self._store()
                self._pending = [concern for concern in self._pending if not self._told.knows(concern)]
                self._last = anyio.current_time()

    def _batch(self) -> list[Concern]:
        """What somebody can be told now, who was not."""
        open_now = [concern for concern in self._pending if not all(map(self._is_resting, self._missed_by(concern)))]
        most = 1 if self._hurry.is_set() else _FLOOD
        return open_now if len(open_now) > most else open_now[:1]

    def _missed_by(self, concern: Concern) -> list[Notifier]:
        return [each for each in self._notifiers if (concern.delivery, each.name) not in self._reached]

    def _is_resting(self, notifier: Notifier) -> bool:
        """It said when it is to be asked again, and that is still ahead."""
        return self._rests.get(notifier.name, self._clock.now()) > self._clock.now()

    async def _rest(self) -> bool:
        """Wait until somebody can be asked again, or there is news. False: nobody is waited for."""
        ahead = [until for until in self._rests.values() if until > self._clock.now()]
        if ahead:
            self._news = anyio.Event()
            with anyio.move_on_after((min(ahead) - self._clock.now()).total_seconds()):
                await self._news.wait()
        return bool(self._pending)

    async def _send(self, batch: Sequence[Concern]) -> list[Concern]:
        """Those that are over with: everybody has them, or was asked often enough."""
        for notifier in self._notifiers:
            missed = [concern for concern in batch if notifier in self._missed_by(concern)]
            if missed and not self._is_resting(notifier) and await self._reaches(notifier, self._message(missed)):
                self._reached |= {(concern.delivery, notifier.name) for concern in missed}
        over = []
        for concern in batch:
            missed_by = self._missed_by(concern)
            self._tried[concern.delivery] += not all(map(self._is_resting, missed_by))
            if not missed_by or self._tried[concern.delivery] >= _TRIES:
                over.append(concern)
        return over

    def _message(self, batch: Sequence[Concern]) -> Message:
        concern = batch[0] if len(batch) == 1 else together(batch, shlex.join([*_STATUS, self._repository]))
        return Message(
            redact(concern.text(self._repository).partition("\n")[0]),
            redact(concern.text(self._repository)),
            _masked(concern.document(self._repository)),
        )

    async def _reaches(self, notifier: Notifier, message: Message) -> bool:
        try:
            with anyio.fail_after(_LONGEST_SEC):
                await notifier.send(message)
        except TimeoutError:
            self._say(notifier, f"{notifier.name} did not take a message within {_LONGEST_SEC:g} s")
        except MosaicError as error:
            if isinstance(error, Unavailable):
                self._let_rest(notifier, error.until)
            self._say(notifier, f"{notifier.name} did not take a message: {error.line}")
        except Exception as error:  # a notifier is never a reason to end
            self._say(notifier, f"{notifier.name} failed: {error!r}")
        else:
            self._rested[notifier.name] = 0
            self._say(notifier, "")
            logger.bind(action="notified").info("{} was told: {}", notifier.name, message.subject)
            return True
        return False

    def _let_rest(self, notifier: Notifier, until: datetime | None) -> None:
        """An outage passes: it is asked again when it said so, or after pauses that grow to ten minutes."""
        count = self._rested[notifier.name]
        if count < _MOST_RESTS and (until or not self._hurry.is_set()):
            pause = timedelta(seconds=min(PAUSE_SEC * 2 ** (count + 1), _LONGEST_PAUSE_SEC))
            self._rests[notifier.name] = until or self._clock.now() + pause
            self._rested[notifier.name] += 1

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
