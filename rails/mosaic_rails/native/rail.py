"""The native rail: the leased contract, spoken with sessions of this machine instead of over a carrier."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

import anyio

from mosaic_rails.base import Cause, Errand, Observation, Order, Reach
from mosaic_rails.leased import messages as msg
from mosaic_rails.leased import wire
from mosaic_rails.leased.book import Book
from mosaic_rails.leased.contract import Row, Terms
from mosaic_rails.leased.rail import Clock, LeasedRail
from mosaic_rails.leased.transport import Batch, Received
from mosaic_rails.native.inbox import Inbox
from mosaic_rails.native.sessions import Session, Sessions

INBOX_WORKER = "file inbox"
_SCAN_SEC = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a session is told. `errand`: what it has; `refusal`: why not."""

    errand: Errand | None = None
    refusal: str = ""
    stop: str = ""


class NativeRail(LeasedRail):
    """Implements `mosaic_rails.base.Rail` with sessions that attach and claim.

    Args:
        logs, book: see `LeasedRail`. inbox: for tools without a protocol.
        lease_sec: how long a session, or a tool, may be silent before it has lost its task.

    Attributes:
        sessions: who is attached. lease_sec: see above.
    """

    def __init__(
        self, book: Book, logs: Path, inbox: Inbox, lease_sec: float = 120.0, clock: Clock | None = None
    ) -> None:
        clock = clock or Clock()
        super().__init__(book, Terms("native", book.daemon, Reach.WORKTREE, lease_sec), logs, None, clock)
        self._inbox = inbox
        self.lease_sec = lease_sec
        self.sessions = Sessions(lease_sec, clock.monotonic, clock.now)

    @property
    def trouble(self) -> str:
        """Nobody is there to take anything: an ordinary state, in which tasks go elsewhere."""
        alive = self.sessions.alive()
        if not alive:
            return "no session is attached"
        return "" if any(each.takes_tasks for each in alive) else "no attached session has room for another task"

    async def offer(self, order: Order | Errand) -> None:
        await super().offer(order)
        self._show()

    async def observe(self, attempt: str) -> Observation:
        self.scan()
        return await super().observe(attempt)

    async def run(self) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(super().run)
            while True:
                await anyio.sleep(_SCAN_SEC)
                self.scan()

    # --- sessions -----------------------------------------------------------------------------------------------------

    def attach(self, session: str, agent: str, context: int | None) -> Session:
        """A session is there."""
        was_in_trouble = bool(self.trouble)
        known = self.sessions.hear(session, agent, context)
        if was_in_trouble != bool(self.trouble):
            self._changed()
        return known

    def leave(self, session: str) -> None:
        """A session goes; what it holds is lost when its lease is over."""
        self.sessions.leave(session)
        self._changed()

    def waiting(self) -> list[Errand]:
        """What may be claimed."""
        return [row.errand for row in self._book.unsettled() if row.is_open]

    def held_by(self, session: str) -> list[Row]:
        """What this session has."""
        return [row for row in self._book.unsettled() if row.over is None and row.held and row.held.worker == session]

    def claim(self, session: Session, attempt: str = "") -> Answer:
        """Give the session an attempt: this one, or the first that waits."""
        if not session.takes_tasks:
            return Answer(refusal=session.request)
        wanted = [errand for errand in self.waiting() if attempt in ("", errand.attempt, errand.task)]
        held = [row.errand for row in self.held_by(session.id) if attempt in (row.errand.attempt, row.errand.task)]
        if held:
            return Answer(held[0])
        if not wanted:
            return Answer(refusal=f"{attempt} is not waiting for a session" if attempt else "nothing is waiting")
        if not self._inbox.withdraw(wanted[0].attempt):
            return Answer(refusal="a tool has just claimed it from the file inbox")
        return self._ask(session.id, msg.Claim(self._terms.daemon, wanted[0].attempt, session.id, wanted[0].labels))

    def renew(self, session: str, attempt: str, note: str) -> Answer:
        """The session is at it."""
        row = self._book.row(attempt)
        number = row.held.number + 1 if row is not None and row.held is not None else 1
        return self._ask(session, msg.Renew(self._terms.daemon, attempt, session, number, note[:400]))

    def submit(self, session: str, attempt: str, result: str) -> Answer:
        """The session is through: `result` is its result, JSON text. Empty: it is in the file of results."""
        row = self._book.row(attempt)
        cause = Cause.REVOKED if row is not None and row.stopping else Cause.EXIT
        return self._ask(session, self._result(attempt, session, cause, result))

    def _result(self, attempt: str, claim: str, cause: Cause, result: str = "") -> msg.Result:
        is_exit = cause is Cause.EXIT
        return msg.Result(
            daemon=self._terms.daemon,
            attempt=attempt,
            claim=claim,
            cause=cause,
            exit_code=0 if is_exit else None,
            signal=None,
            detail="handed in" if is_exit else "stopped as asked",
            head="",
            result=result,
            log="",
            log_bytes=0,
        )

    def _ask(self, worker: str, message: msg.FromWorker) -> Answer:
        try:
            body = wire.encode(message)
            wire.decode(body)
        except (wire.TooLarge, wire.Malformed) as error:
            return Answer(refusal=str(error))
        replies = self.answer(Batch((Received(uuid.uuid4().hex, worker, body),)))
        match wire.decode(replies[0].body) if replies else None:
            case msg.Grant(errand=errand):
                return Answer(errand)
            case msg.Rejected(reason=reason):
                return Answer(refusal=reason)
            case msg.Stop(reason=reason):
                return Answer(stop=reason)
            case _:
                return Answer()

    # --- the file inbox -----------------------------------------------------------------------------------------------

    def scan(self) -> None:
        """Look for what tools claimed, renewed and handed in by files."""
        for attempt, was_touched in list(self._inbox.claimed()):
            row = self._book.row(attempt) if wire.is_attempt(attempt) else None
            if row is None or row.over is not None:
                self._inbox.hide(attempt)
            elif row.is_open:
                claim = msg.Claim(self._terms.daemon, attempt, "file", row.errand.labels)
                self._ask(INBOX_WORKER, claim)
            elif row.held is not None and row.held.worker == INBOX_WORKER:
                self._look_at(row, was_touched=was_touched)
        self._show()

    def _look_at(self, row: Row, *, was_touched: bool) -> None:
        number = row.held.number + 1 if row.held is not None else 1
        if self._inbox.result_file(row.attempt).exists():
            self._ask(INBOX_WORKER, self._result(row.attempt, "file", Cause.EXIT))
        elif row.stopping:
            self._ask(INBOX_WORKER, self._result(row.attempt, "file", Cause.REVOKED))
        elif was_touched:
            self._ask(INBOX_WORKER, msg.Renew(self._terms.daemon, row.attempt, "file", number, "working"))

    def _show(self) -> None:
        """What waits has a file, what does not wait has none."""
        rows = {row.attempt: row for row in self._book.unsettled()}
        for row in rows.values():
            if row.is_open:
                self._inbox.show(row.errand, self.lease_sec)
        for attempt in self._inbox.shown():
            known = rows.get(attempt)
            held = known.held if known is not None else None
            if known is None or known.over is not None or (held is not None and held.worker != INBOX_WORKER):
                self._inbox.hide(attempt)
