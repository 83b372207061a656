"""What follows from a message, as a function of what the book has: nothing here reads a clock or writes anything.

An attempt is granted once, to one claim of one worker, ever. Its lease counts on the daemon's own monotonic clock from
when it heard the worker last. When that is over, the attempt is lost for good: what comes later is kept and counts for
nothing, and the daemon goes on with the next fence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from math import inf

from mosaic_rails.base import Cause, Errand, Reach
from mosaic_rails.leased import messages as msg
from mosaic_rails.leased import wire

LOST = "lost"
_LONGEST_REASON = 400
_CAUSES = frozenset({*(cause.value for cause in Cause), LOST})


@dataclass(frozen=True, slots=True)
class Moment:
    """`utc` for records, `monotonic` seconds for leases."""

    utc: datetime
    monotonic: float


@dataclass(frozen=True, slots=True)
class Held:
    """The one grant of an attempt.

    Attributes:
        worker: as its carrier names it.
        number: of the newest renewal; note: what it said then.
    """

    worker: str
    claim: str
    since: datetime
    number: int = 0
    note: str = ""


class How(StrEnum):
    """How an attempt is over."""

    ENDED = "ended"  #: its worker said how it ended
    REVOKED = "revoked"  #: taken back before anybody had it
    UNFIT = "unfit"  #: no message can carry it
    LOST = "lost"  #: nothing was heard for a whole lease, or its worker cannot tell


@dataclass(frozen=True, slots=True)
class Over:
    """The end of an attempt; it never changes again."""

    how: How
    at: datetime
    detail: str
    result: msg.Result | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """What the book knows of one attempt.

    Attributes:
        offered_at: for records.
        stopping: why its worker was asked to stop; empty: it was not.
        deadline: monotonic second at which the lease is over; not kept over a restart, after which it starts anew.
    """

    errand: Errand
    offered_at: datetime
    held: Held | None = None
    stopping: str = ""
    over: Over | None = None
    deadline: float = inf

    @property
    def attempt(self) -> str:
        return self.errand.attempt

    @property
    def is_open(self) -> bool:
        """Somebody may still claim it."""
        return self.held is None and self.over is None


@dataclass(frozen=True, slots=True)
class Incident:
    """A message that counts for nothing and that somebody may want to see.

    Attributes:
        kind: `malformed`, `refused` (its sender may not say that), or `late` (a result after the end).
    """

    kind: str
    sender: str
    attempt: str
    reason: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Decision:
    """`reply` goes to the sender; `row`: the attempt as it is now; None: nothing, no change."""

    reply: msg.FromDaemon | None = None
    row: Row | None = None
    incident: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which attempts are given away.

    Attributes:
        rail: its name, `matrix`, `nats`, `native`. reach: `Reach.WORKTREE` or `Reach.REMOTE`.
        daemon: the name under which workers know this daemon.
        lease_sec: how long a grant lasts without a renewal.
        reoffer_sec: how often everything open is offered again, for servers that lost it.
        workers: who may work; None: whoever the carrier lets speak.
    """

    rail: str
    daemon: str
    reach: Reach = Reach.REMOTE
    lease_sec: float = 120.0
    reoffer_sec: float = 30.0
    workers: frozenset[str] | None = None

    @property
    def lease_ms(self) -> int:
        return round(self.lease_sec * 1000)

    def offer(self, row: Row) -> msg.Offer:
        return msg.Offer(self.daemon, row.attempt, row.errand.labels, wire.digest_of(row.errand))

    def stop(self, row: Row, held: Held) -> msg.Stop:
        return msg.Stop(self.daemon, row.attempt, held.claim, row.stopping)


def missing_labels(wanted: Iterable[str], has: Iterable[str]) -> tuple[str, ...]:
    """What is asked for and not there."""
    return tuple(sorted(set(wanted) - set(has)))


def expired(row: Row, at: Moment, lease_sec: float) -> Row | None:
    """The attempt as lost, if nothing was heard of it for a whole lease; None: it is not over."""
    if row.held is None or row.over is not None or at.monotonic < row.deadline:
        return None
    detail = f"{row.held.worker} was not heard for {lease_sec:g} s"
    return replace(row, over=Over(How.LOST, at.utc, detail))


def revoked(row: Row, at: Moment, reason: str) -> Row:
    """The attempt after somebody asked for its end."""
    if row.over is not None or row.stopping:
        return row
    if row.held is None:
        return replace(row, stopping=reason, over=Over(How.REVOKED, at.utc, "revoked before it started"))
    return replace(row, stopping=reason)


def decide(message: msg.Message, sender: str, row: Row | None, terms: Terms, at: Moment) -> Decision:
    """What follows from a message to this daemon. The row must be up to date: see `expired`."""
    match message:
        case msg.Claim() | msg.Renew() | msg.Result() if terms.workers is not None and sender not in terms.workers:
            return Decision(incident=("refused", f"{sender} is no worker of this daemon"))
        case msg.Claim():
            return _claimed(message, sender, row, terms, at)
        case msg.Renew():
            return _renewed(message, sender, row, terms, at)
        case msg.Result():
            return _ended(message, sender, row, terms, at)
        case _:
            return Decision(incident=("refused", f"{sender} sent a message of type {message.type}, as only daemons do"))


def _claimed(claim: msg.Claim, sender: str, row: Row | None, terms: Terms, at: Moment) -> Decision:
    if row is None:
        return _no(claim, terms, "no such attempt is offered", "refused")
    if row.over is not None:
        return _no(claim, terms, f"it is over: {row.over.detail}")
    if row.held is not None:
        if not _is_holder(row.held, sender, claim.claim):
            return _no(claim, terms, "somebody else has it")
        return Decision(_grant(row, row.held, terms))
    if lacking := missing_labels(row.errand.labels, claim.labels):
        return _no(claim, terms, f"it needs a worker with {', '.join(lacking)}", "refused")
    held = Held(sender, claim.claim, at.utc)
    return Decision(_grant(row, held, terms), replace(row, held=held, deadline=at.monotonic + terms.lease_sec))


def _grant(row: Row, held: Held, terms: Terms) -> msg.Grant:
    return msg.Grant(terms.daemon, row.attempt, held.claim, terms.lease_ms, row.errand)


def _renewed(renew: msg.Renew, sender: str, row: Row | None, terms: Terms, at: Moment) -> Decision:
    if row is None or row.held is None or not _is_holder(row.held, sender, renew.claim):
        return _no(renew, terms, "the sender does not have it", "refused")
    if row.over is not None:
        return _no(renew, terms, f"it is over: {row.over.detail}")
    reply: msg.FromDaemon = msg.Renewed(terms.daemon, row.attempt, renew.claim, renew.number, terms.lease_ms)
    if row.stopping:
        reply = terms.stop(row, row.held)
    if renew.number <= row.held.number:
        return Decision(reply)
    held = replace(row.held, number=renew.number, note=renew.note)
    return Decision(reply, replace(row, held=held, deadline=at.monotonic + terms.lease_sec))


def _ended(result: msg.Result, sender: str, row: Row | None, terms: Terms, at: Moment) -> Decision:
    if row is None or row.held is None or not _is_holder(row.held, sender, result.claim):
        return _no(result, terms, "the sender does not have it", "refused")
    if result.cause not in _CAUSES:
        return _no(result, terms, f"nothing ends by `{result.cause[:40]}`", "refused")
    if row.over is None:
        how = How.LOST if result.cause == LOST else How.ENDED
        over = Over(how, at.utc, result.detail or result.cause, result)
        return Decision(msg.Accepted(terms.daemon, row.attempt, result.claim), replace(row, over=over))
    if row.over.result == result:
        return Decision(msg.Accepted(terms.daemon, row.attempt, result.claim))
    if row.over.result is not None:
        return _no(result, terms, "another result of it was accepted before", "refused")
    return _no(result, terms, f"it came too late: {row.over.detail}", "late")


def _is_holder(held: Held, sender: str, claim: str) -> bool:
    return (held.worker, held.claim) == (sender, claim)


def _no(message: msg.FromWorker, terms: Terms, reason: str, incident: str = "") -> Decision:
    reply = msg.Rejected(terms.daemon, message.attempt, message.claim, message.type, reason[:_LONGEST_REASON])
    return Decision(reply, incident=(incident, reason) if incident else None)
