"""The messages of the contract. How they are written: `wire`.

Times are whole milliseconds and always relative: no two machines have to agree on what time it is. Who sent a message
is what its carrier says, never anything in it.

    daemon ──▶ everybody   Offer
    daemon ──▶ one worker  Grant, Renewed, Stop, Accepted, Rejected
    worker ──▶ daemon      Claim, Renew, Result
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mosaic_rails.base import Errand


@dataclass(frozen=True, slots=True)
class Offer:
    """There is work. It starts nothing: only a grant does.

    Attributes:
        daemon: whose; attempt names are unique within one daemon.
        labels: what a worker must have.
        digest: of the errand that the grant will carry, `digest_of`.
    """

    type: ClassVar[str] = "offer"
    daemon: str
    attempt: str
    labels: tuple[str, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker wants it.

    Attributes:
        claim: the worker's own name of this wish; the same in every repetition, also after a restart of the worker.
        labels: what the worker has.
    """

    type: ClassVar[str] = "claim"
    daemon: str
    attempt: str
    claim: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grant:
    """The worker may start it, once. Its lease counts from when it sent the claim."""

    type: ClassVar[str] = "grant"
    daemon: str
    attempt: str
    claim: str
    lease_ms: int
    errand: Errand


@dataclass(frozen=True, slots=True)
class Renew:
    """It is alive. `number` rises from 1; `note`: what it is doing, for people."""

    type: ClassVar[str] = "renew"
    daemon: str
    attempt: str
    claim: str
    number: int
    note: str


@dataclass(frozen=True, slots=True)
class Renewed:
    """The lease counts anew from when renewal `number` was sent."""

    type: ClassVar[str] = "renewed"
    daemon: str
    attempt: str
    claim: str
    number: int
    lease_ms: int


@dataclass(frozen=True, slots=True)
class Stop:
    """The worker shall end it and say how it ended."""

    type: ClassVar[str] = "stop"
    daemon: str
    attempt: str
    claim: str
    reason: str


@dataclass(frozen=True, slots=True)
class Result:
    """How it ended.

    Attributes:
        cause: a `base.Cause`, or `lost` when its own host cannot tell.
        exit_code, signal: None where there is none.
        head: the last commit, pushed before this was sent; empty: none.
        result: the worker's result, JSON text; empty: it is in the log.
        log: the end of what it printed; log_bytes: how much that was in all.
    """

    type: ClassVar[str] = "result"
    daemon: str
    attempt: str
    claim: str
    cause: str
    exit_code: int | None
    signal: int | None
    detail: str
    head: str
    result: str
    log: str
    log_bytes: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """The result is kept durably; the worker may forget the attempt."""

    type: ClassVar[str] = "accepted"
    daemon: str
    attempt: str
    claim: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """What the worker sent counts for nothing. `what`: the type of message that this answers."""

    type: ClassVar[str] = "rejected"
    daemon: str
    attempt: str
    claim: str
    what: str
    reason: str


FromDaemon = Offer | Grant | Renewed | Stop | Accepted | Rejected
FromWorker = Claim | Renew | Result
Message = FromDaemon | FromWorker
