"""What holds over every carrier, whatever it, the daemon or a worker does in between.

Three oracles: an attempt is started at most once, what comes late is never applied, nothing is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from mosaic_rails.base import Cause, Ended, Lost, Offered, Running
from mosaic_rails.leased.faults import Faults
from mosaic_rails.leased.hands import Abilities
from mosaic_rails.leased.transport import Batch, Link, Outgoing, Transport, Unreachable
from tests.rails.bench import new_attempt
from tests.rails.leased.ledger import Ledger
from tests.rails.leased.site import LABELS, HandClock, Host, Site, errand
from tests.rails.waiting import ended, observed, until

FAULTS = {
    "repeat": Faults(repeat=0.9),
    "reorder": Faults(delay_sec=0.1),
    "drop": Faults(drop=0.4),
    "everything": Faults(drop=0.3, repeat=0.5, delay_sec=0.1),
}


async def started(site: Site, attempt: str) -> Host:
    """Offer it, and wait until a host has started it and the daemon knows."""
    await site.rail.offer(errand(attempt))
    await until(lambda: site.starts(attempt), f"{attempt} is started")
    await observed(site.rail, attempt, Running)
    return next(host for host in site.hosts.values() if site.key(attempt) in host.hands.starts)


@pytest.mark.slow
@pytest.mark.parametrize("faults", FAULTS)
async def test_a_carrier_that_misbehaves_costs_time_and_nothing_else(site: Site, faults: str) -> None:
    """Two hosts, twelve tasks."""
    site.faults = FAULTS[faults]
    site.start_daemon()
    for name in ("w1", "w2"):
        site.host(name, Abilities(LABELS, slots=3)).hands.after_sec = 0.02
    ledger = Ledger(site, [f"T{number}" for number in range(12)])
    await ledger.finish()
    ledger.check()


async def test_two_workers_that_want_the_same_get_one_start(site: Site) -> None:
    """And the other one is free for the next."""
    site.start_daemon()
    for name in ("w1", "w2", "w3"):
        site.host(name, Abilities(LABELS, slots=1)).hands.after_sec = 0.0
    ledger = Ledger(site, [f"T{number}" for number in range(9)])
    await ledger.finish()
    ledger.check()
    assert set(ledger.fences.values()) == {1}


async def test_a_result_delayed_past_its_lease_is_kept_and_not_applied(still: Site) -> None:
    """The next fence is what counts."""
    still.start_daemon()
    still.host()
    host = await started(still, "T.1")
    await still.kill_daemon()
    still.carrier.kill()  # nothing comes through for longer than any patience with an outage
    host.hands.finish(still.key("T.1"), output=b"too late")
    still.start_daemon()
    assert isinstance(await still.rail.observe("T.1"), Running)
    still.pass_time(100 * still.lease_sec)
    assert isinstance(await observed(still.rail, "T.1", Lost), Lost)
    still.carrier.start()
    await until(still.book.incidents, "the late result comes in")
    (_, late), *_ = still.book.incidents()
    assert (late.kind, late.sender, late.attempt) == ("late", host.worker_name, "T.1")
    assert b"too late" in late.body
    assert isinstance(await still.rail.observe("T.1"), Lost)
    await until(lambda: not host.worker.jobs, "the worker forgets it")


async def test_a_killed_worker_that_comes_back_goes_on_with_its_attempt(still: Site) -> None:
    """Within the lease it is the same attempt, started once."""
    still.start_daemon()
    still.host()
    host = await started(still, "T.1")
    await host.kill()
    still.pass_time(still.lease_sec / 2)
    host.start()
    host.hands.finish(still.key("T.1"), output=b"done")
    assert (await ended(still.rail, "T.1")).log.read_bytes() == b"done"
    assert still.starts("T.1") == 1


async def test_a_worker_that_is_not_heard_for_a_lease_has_lost_its_attempt(still: Site) -> None:
    """It finds out when it goes on (SIGSTOP and SIGCONT look like this), and ends its own tree."""
    still.start_daemon()
    still.host()
    host = await started(still, "T.1")
    await host.kill()
    still.pass_time(still.lease_sec * 0.9)
    assert isinstance(await still.rail.observe("T.1"), Running)
    still.pass_time(still.lease_sec * 0.2)
    assert isinstance(await still.rail.observe("T.1"), Lost)
    assert await host.hands.is_running(still.key("T.1"))
    host.start()
    await until(lambda: not host.worker.jobs, "the worker is through with it")
    assert not await host.hands.is_running(still.key("T.1"))
    assert isinstance(await still.rail.observe("T.1"), Lost)


async def test_a_worker_ends_its_tree_at_seven_tenths_of_a_lease_without_an_answer(still: Site) -> None:
    """Before its daemon gives the task to another."""
    still.start_daemon()
    still.host()
    host = await started(still, "T.1")
    await still.kill_daemon()
    still.pass_time(still.lease_sec * 0.65)
    host.wake()
    await asyncio.sleep(0.05)
    assert await host.hands.is_running(still.key("T.1"))
    still.pass_time(still.lease_sec * 0.1)
    host.wake()
    await until(lambda: not any(job.errand and not job.result for job in host.worker.jobs), "it stops itself")
    assert not await host.hands.is_running(still.key("T.1"))
    lost = await observed(still.start_daemon(), "T.1", Lost)
    assert isinstance(lost, Lost)
    assert "stopped itself" in lost.detail


async def test_renewals_keep_an_attempt_for_many_leases(still: Site) -> None:
    """A quarter of a lease at a time."""
    still.start_daemon()
    still.host()
    host = await started(still, "T.1")
    for _ in range(16):
        before = host.confirmed("T.1")
        still.pass_time(still.lease_sec * 0.3)
        host.wake()
        await until(lambda before=before: host.confirmed("T.1") > before, "the renewal is confirmed")  # type: ignore[misc]
    assert isinstance(await still.rail.observe("T.1"), Running)
    host.hands.finish(still.key("T.1"))
    await ended(still.rail, "T.1")


async def test_a_start_that_was_interrupted_is_made_up_for(site: Site) -> None:
    """By a full disk, or by the death of the host: the attempt is not held for ever without anybody at it."""
    site.start_daemon()
    host = site.host()
    host.hands.failing_starts = 2
    await started(site, "T.1")
    await host.kill()
    host.start()
    host.hands.finish(site.key("T.1"))
    await ended(site.rail, "T.1")
    assert site.starts("T.1") == 1


async def test_what_never_started_can_be_taken_back(still: Site) -> None:
    """Its host says that it has ended, and never starts it."""
    still.start_daemon()
    host = still.host()
    host.hands.failing_starts = 1_000_000
    await still.rail.offer(errand("T.1"))
    await until(lambda: any(job.started for job in host.worker.jobs), "the host has tried")
    await still.rail.revoke("T.1")
    end = await ended(still.rail, "T.1")
    assert end.cause is Cause.REVOKED
    host.hands.failing_starts = 0
    await until(lambda: not host.worker.jobs, "the host forgets it")
    assert still.starts("T.1") == 0


async def test_a_clock_that_jumps_ends_no_lease(still: Site) -> None:
    """Leases count on monotonic time alone; the records show what the clock said."""
    still.start_daemon()
    still.host()
    host = await started(still, "T.1")
    assert isinstance(still.clock, HandClock)
    for days in (4000, -8000):
        still.clock.utc += timedelta(days=days)
        still.start_daemon()
        assert isinstance(await still.rail.observe("T.1"), Running)
    host.hands.finish(still.key("T.1"))
    await ended(still.rail, "T.1")


async def test_a_restarted_daemon_counts_a_full_lease(still: Site) -> None:
    """However long it was away: the worker decides by itself when to stop."""
    still.start_daemon()
    still.host()
    host = await started(still, "T.1")
    await host.kill()
    await still.kill_daemon()
    still.pass_time(still.lease_sec * 50)
    still.start_daemon()
    assert isinstance(await still.rail.observe("T.1"), Running)
    still.pass_time(still.lease_sec * 1.1)
    await until(lambda: not still.rail.trouble, "the daemon is linked")
    still.pass_time(still.lease_sec * 1.1)
    assert isinstance(await observed(still.rail, "T.1", Lost), Lost)


async def test_a_lost_carrier_is_told_and_what_waits_is_offered_when_it_is_back(site: Site) -> None:
    """Also when it came back empty."""
    site.start_daemon()
    await until(lambda: not site.rail.trouble, "the daemon is linked")
    await site.rail.offer(errand("T.1"))
    site.carrier.kill()
    await until(lambda: site.rail.trouble, "the outage is seen")
    assert isinstance(await site.rail.observe("T.1"), Offered)
    site.carrier.wipe()
    site.carrier.start()
    site.host().hands.after_sec = 0.0
    await ended(site.rail, "T.1")
    assert not site.rail.trouble
    assert site.starts("T.1") == 1


@dataclass(slots=True)
class Doom:
    """Something happens at the n-th call on the daemon's link, before or after it has its effect."""

    calls: int
    strike: Callable[[], None]
    has_struck: bool = False


class DoomedTransport:
    """Implements `transport.Transport`: it is there until the doom."""

    def __init__(self, inner: Transport, doom: Doom) -> None:
        self._inner = inner
        self._doom = doom

    @property
    def identity(self) -> str:
        return self._inner.identity

    @asynccontextmanager
    async def link(self, cursor: str | None) -> AsyncIterator[Link]:
        async with self._inner.link(cursor) as inner:
            yield DoomedLink(inner, self._doom)


class DoomedLink:
    def __init__(self, inner: Link, doom: Doom) -> None:
        self._inner = inner
        self._doom = doom

    def _count(self) -> None:
        self._doom.calls -= 1
        if self._doom.calls <= 0 and not self._doom.has_struck:
            self._doom.has_struck = True
            self._doom.strike()
            raise Unreachable("doomed")

    async def send(self, message: Outgoing) -> None:
        self._count()
        await self._inner.send(message)
        self._count()

    async def receive(self) -> Batch:
        batch = await self._inner.receive()
        self._count()
        return batch

    async def acknowledge(self, batch: Batch) -> None:
        self._count()
        await self._inner.acknowledge(batch)
        self._count()

    async def ready(self, offers: int) -> None:
        await self._inner.ready(offers)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["daemon killed", "server killed", "server lost everything"])
async def test_a_death_at_any_step_costs_time_and_nothing_else(site: Site, what: str) -> None:
    """At every call on the daemon's link of two attempts, one after the other, until there are no more calls."""
    for calls in range(1, 40):
        doom = Doom(calls, strike(site, what))
        site.around_daemon = lambda transport, doom=doom: DoomedTransport(transport, doom)  # type: ignore[misc]
        site.start_daemon()
        if not site.hosts:
            site.host().hands.after_sec = 0.0
        ledger = Ledger(site, [new_attempt().removesuffix(".1")])
        await ledger.finish()
        ledger.check()
        assert not ledger.lost
        if not doom.has_struck:
            break
    assert calls > 4


def strike(site: Site, what: str) -> Callable[[], None]:
    """What happens to a site."""

    def act() -> None:
        if what == "daemon killed":
            site.around_daemon = lambda transport: transport
            site.start_daemon()
            return
        site.carrier.kill()
        if what == "server lost everything":
            site.carrier.wipe()
        site.carrier.start()

    return act


async def test_an_answer_that_is_stale_changes_nothing(still: Site) -> None:
    """An `accepted` of a former attempt, and one of another claim, do not end what runs."""
    still.start_daemon()
    still.host()
    host = await started(still, "T.1")
    job = host.worker.jobs[0]
    for claim, attempt in ((job.claim, "T.2"), ("c-other", "T.1"), (job.claim, "T.1")):
        await still.tell_worker(host.name, "accepted", attempt, claim)
    await still.tell_worker(host.name, "rejected", "T.1", "c-other")
    await asyncio.sleep(0.05)
    assert host.worker.jobs[0].claim == job.claim
    assert await host.hands.is_running(still.key("T.1"))
    host.hands.finish(still.key("T.1"), exit_code=7)
    assert (await ended(still.rail, "T.1")).exit_code == 7


async def test_a_worker_that_drains_ends_what_it_has_and_takes_nothing(site: Site) -> None:
    """Then it is through."""
    site.start_daemon()
    site.host()
    host = await started(site, "T.1")
    host.worker.drain()
    await site.rail.offer(errand("T.2"))
    host.hands.finish(site.key("T.1"))
    await host.through()
    assert isinstance(await site.rail.observe("T.1"), Ended)
    assert isinstance(await site.rail.observe("T.2"), Offered)
