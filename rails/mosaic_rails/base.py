"""The rail port: how an attempt reaches a worker and how its end comes back.

A rail holds no truth. Everything in it can be offered again from the daemon's ledger under the same attempt name, and
an attempt is started at most once, ever, however often it is offered.

    offer ──▶ Offered ──▶ Running ──▶ Ended      the worker ended by itself, or was stopped
                             └──────▶ Lost       it cannot be known any more; everything of it is dead
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Limits:
    """What one attempt may take. Enforced beside the worker, so they hold while the daemon is away.

    Attributes:
        timeout_sec: seconds of total run time.
        stall_sec: seconds without output, CPU time and change in the working directory; 0 switches it off.
        grace_sec: seconds between asking the process tree to stop and killing it.
        log_head_bytes, log_tail_bytes: how much of the output's start and end is kept.
    """

    timeout_sec: float = 7200.0
    stall_sec: float = 900.0
    grace_sec: float = 10.0
    log_head_bytes: int = 1 << 20
    log_tail_bytes: int = 4 << 20


@dataclass(frozen=True, slots=True)
class Order:
    """One attempt as it is handed to a rail.

    Attributes:
        attempt: `<task>.<fence>`, the key of everything about it.
        argv: the command; never a shell string.
        env: the whole environment of the worker; nothing else is inherited.
        cwd: its working directory.
        stdin: a file given as standard input; None: /dev/null.
        limits: see `Limits`.
    """

    attempt: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    stdin: Path | None = None
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Errand:
    """One attempt for a worker that this daemon does not start itself: everything it has to know, no secret.

    Code travels by git: the worker fetches `base_sha` from `url` and pushes what it made to `ref` there, nothing else.
    Where `worktree` is set it works on this machine, in that directory, and pushes nothing.

    Attributes:
        attempt: `<task>.<fence>`, the key of everything about it.
        task: the task's id; what the result has to name.
        url: of the forge's or the relay's repository; no password in it. Empty with `worktree`.
        base_ref, base_sha: where it starts; the ref at `url` only leads to the commit. Empty with `worktree`.
        branch: the branch that it commits to in its own clone, for people.
        ref: where its work goes, `refs/heads/mosaic/<task>/a<fence>`. Empty with `worktree`.
        runtime: by which kind of agent; the worker's own configuration says how that is called.
        command: the task's own command, for the runtime `shell`; empty for all others.
        prompt: the whole of it.
        labels: what a worker must have, `runtime=claude`, `gpu`.
        limits: see `Limits`.
    """

    attempt: str
    task: str
    url: str
    base_ref: str
    base_sha: str
    branch: str
    ref: str
    runtime: str
    prompt: str
    command: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    worktree: str = ""
    limits: Limits = Limits()


class Reach(StrEnum):
    """What a rail is given for an attempt."""

    COMMAND = "command"  #: an `Order`: it starts a command in a directory of this machine
    WORKTREE = "worktree"  #: an `Errand` with a `worktree`: somebody on this machine works there
    REMOTE = "remote"  #: an `Errand` without one: somebody elsewhere fetches and pushes


class Cause(StrEnum):
    """Why a worker ended."""

    EXIT = "exit"  #: by itself: `exit_code` or `signal` says how
    TIMEOUT = "timeout"
    STALL = "stall"
    REVOKED = "revoked"  #: the daemon asked for it
    SPAWN = "spawn"  #: the command could not be started; `detail` says why


@dataclass(frozen=True, slots=True)
class Absent:
    """The rail has never heard of this attempt: it may be offered."""


@dataclass(frozen=True, slots=True)
class Offered:
    """Offered, and no worker has started it yet."""


@dataclass(frozen=True, slots=True)
class Running:
    """A worker is alive.

    Attributes:
        worker: who, for people: `pid 4711`, `@worker:host`.
        since: when it started.
    """

    worker: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a worker handed in that this daemon did not start itself. Nothing of it is believed before it is checked.

    Attributes:
        url, ref: where its commits are; empty when they are in the attempt's own working directory.
        head: the commit that it says is its last one; empty when it names none.
        result: its result, JSON text; empty when it is to be found in the log.
    """

    url: str
    ref: str
    head: str
    result: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The worker and every process of its tree are gone.

    Attributes:
        exit_code: None when it ended by a signal or never started.
        signal: the signal's number, or None.
        detail: one line for people.
        log: what it printed, head and tail, with a marker line where the middle was dropped.
        log_bytes: how much it printed in all, bytes.
        delivery: see there; None where the worker was started here.
    """

    cause: Cause
    exit_code: int | None
    signal: int | None
    detail: str
    started_at: datetime
    ended_at: datetime
    log: Path
    log_bytes: int
    delivery: Delivery | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """It started, and how it ended cannot be known: killed from outside, machine restarted, lease expired.

    Whatever was left of its process tree is dead when this is returned.
    """

    detail: str


Observation = Absent | Offered | Running | Ended | Lost


class Rail(Protocol):
    """One way of reaching workers. Every implementation passes the same contract suite."""

    @property
    def name(self) -> str: ...

    @property
    def reach(self) -> Reach:
        """Which kind of order it takes."""

    @property
    def trouble(self) -> str:
        """Why it reaches nobody now, one line; empty when it does. Degraded, not failed: what runs goes on, and what
        nobody has taken yet is offered on when it is well again.
        """

    async def run(self) -> None:
        """What it has to do in the background, until cancelled; returns at once where there is nothing."""

    async def offer(self, order: Order | Errand) -> None:
        """Make the attempt available to a worker. Offering it again changes nothing.

        Raises:
            RailError: it could not be offered; `observe` still tells the truth.
        """

    async def observe(self, attempt: str) -> Observation:
        """What is true of this attempt now. Never raises for an unknown attempt."""

    async def revoke(self, attempt: str) -> None:
        """Ask for the whole process tree to be stopped; `observe` tells when it has ended.

        An attempt that was never started can never be started after this. Unknown or ended attempts: nothing happens.
        """

    async def settle(self, attempt: str) -> None:
        """The daemon has durably taken in the end of this attempt: live resources may go, the record stays."""

    def on_change(self, wake: Callable[[], None]) -> None:
        """Call `wake` from the event loop whenever an observation may have changed. A hint, nothing more."""


class RailError(Exception):
    """A rail could not do what was asked; the message says what happened and what to do."""
