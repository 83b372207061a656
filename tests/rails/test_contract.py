"""What every rail promises, over every rail."""

from __future__ import annotations

import asyncio
from datetime import datetime

from mosaic_rails.base import Absent, Cause, Ended, Lost, Offered, Running
from tests.rails.bench import Bench, new_attempt
from tests.rails.waiting import ended, observed


async def test_nothing_is_known_of_an_attempt_that_was_never_offered(bench: Bench) -> None:
    """Nor of names that could be none."""
    for name in (new_attempt(), "", "..", "a/b", "-x", "x\0y", "x" * 400):
        assert await bench.rail.observe(name) == Absent()
        await bench.rail.revoke(name)
        await bench.rail.settle(name)
        assert await bench.rail.observe(name) == Absent()


async def test_an_offered_attempt_runs_and_ends_with_its_exit_code_and_output(bench: Bench) -> None:
    """Offered, Running, Ended; times in order and with an offset."""
    attempt = new_attempt()
    await bench.rail.offer(bench.order(attempt))
    assert isinstance(await bench.rail.observe(attempt), Offered | Running)
    await bench.running(attempt)
    running = await bench.rail.observe(attempt)
    assert isinstance(running, Running)
    assert running.worker
    assert running.since.utcoffset() is not None
    bench.finish(attempt, exit_code=3, output=b"done\n")
    end = await ended(bench.rail, attempt)
    assert (end.cause, end.exit_code, end.signal) == (Cause.EXIT, 3, None)
    assert end.log.read_bytes() == b"done\n"
    assert end.log_bytes == 5
    assert end.detail == "exit 3"
    assert end.started_at <= end.ended_at <= datetime.now(end.ended_at.tzinfo)


async def test_offering_again_starts_nothing_again(bench: Bench) -> None:
    """Before the start, while it runs, after its end: one start."""
    attempt = new_attempt()
    order = bench.order(attempt)
    await bench.rail.offer(order)
    await bench.rail.offer(order)
    await bench.running(attempt)
    await bench.rail.offer(order)
    assert isinstance(await bench.rail.observe(attempt), Running)
    bench.finish(attempt)
    end = await ended(bench.rail, attempt)
    await bench.rail.offer(order)
    assert await observed(bench.rail, attempt, Ended) == end
    assert bench.starts(attempt) == 1


async def test_two_daemons_that_offer_at_once_get_one_start(bench: Bench) -> None:
    """Who comes second changes nothing, and both see the same end."""
    for _ in range(5):
        attempt = new_attempt()
        order = bench.order(attempt)
        rails = [bench.rail, *(bench.another() for _ in range(3))]
        await asyncio.gather(*(rail.offer(order) for rail in rails))
        await bench.running(attempt)
        bench.finish(attempt)
        assert len({repr(await ended(rail, attempt)) for rail in rails}) == 1
        assert bench.starts(attempt) == 1


async def test_a_restarted_daemon_adopts_what_runs_and_is_woken_by_its_end(bench: Bench) -> None:
    """The new rail sees the worker, starts none, and takes in its end."""
    attempt = new_attempt()
    order = bench.order(attempt)
    await bench.rail.offer(order)
    await bench.running(attempt)
    adopting = bench.another()
    woken = asyncio.Event()
    adopting.on_change(woken.set)
    await adopting.offer(order)
    assert await adopting.observe(attempt) == await bench.rail.observe(attempt)
    woken.clear()
    bench.finish(attempt, exit_code=4)
    async with asyncio.timeout(30):
        await woken.wait()
    assert (await ended(adopting, attempt)).exit_code == 4
    assert bench.starts(attempt) == 1


async def test_the_loop_is_woken_when_a_worker_ends(bench: Bench) -> None:
    """At the wake-up the end can already be seen."""
    attempt = new_attempt()
    await bench.rail.offer(bench.order(attempt))
    await bench.running(attempt)
    woken = asyncio.Event()
    bench.rail.on_change(woken.set)
    bench.finish(attempt)
    async with asyncio.timeout(30):
        await woken.wait()
    assert isinstance(await bench.rail.observe(attempt), Ended)


async def test_a_revoked_worker_is_stopped(bench: Bench) -> None:
    """It ends as revoked; revoking it again, or when it has ended, changes nothing."""
    attempt = new_attempt()
    await bench.rail.offer(bench.order(attempt))
    await bench.running(attempt)
    await bench.rail.revoke(attempt)
    await bench.rail.revoke(attempt)
    end = await ended(bench.rail, attempt)
    assert (end.cause, end.exit_code, end.signal) == (Cause.REVOKED, None, 15)
    await bench.rail.revoke(attempt)
    assert await bench.rail.observe(attempt) == end


async def test_an_attempt_revoked_before_its_start_never_starts(bench: Bench) -> None:
    """Whoever offers it later, it has ended as revoked."""
    attempt = new_attempt()
    order = bench.order(attempt)
    await bench.sleep_through(order)
    await bench.rail.revoke(attempt)
    end = await bench.rail.observe(attempt)
    assert isinstance(end, Ended)
    assert (end.cause, end.exit_code, end.signal) == (Cause.REVOKED, None, None)
    for rail in (bench.rail, bench.another()):
        await rail.offer(order)
        assert await rail.observe(attempt) == end
    assert bench.starts(attempt) == 0


async def test_revoking_at_once_after_the_offer_ends_it_either_way(bench: Bench) -> None:
    """The worker may have won the race or not; it is stopped, once."""
    for _ in range(5):
        attempt = new_attempt()
        await bench.rail.offer(bench.order(attempt))
        await bench.rail.revoke(attempt)
        assert (await ended(bench.rail, attempt)).cause is Cause.REVOKED
        assert bench.starts(attempt) <= 1


async def test_a_worker_nobody_watches_any_more_is_lost_and_not_started_again(bench: Bench) -> None:
    """Lost says why, and stays."""
    attempt = new_attempt()
    order = bench.order(attempt)
    await bench.rail.offer(order)
    await bench.running(attempt)
    await bench.lose(attempt)
    lost = await observed(bench.rail, attempt, Lost)
    assert isinstance(lost, Lost)
    assert lost.detail
    await bench.rail.offer(order)
    assert isinstance(await bench.another().observe(attempt), Lost)
    assert bench.starts(attempt) == 1


async def test_a_settled_attempt_keeps_its_record(bench: Bench) -> None:
    """The daemon may ask again after it has taken the end in."""
    attempt = new_attempt()
    await bench.rail.offer(bench.order(attempt))
    await bench.running(attempt)
    bench.finish(attempt)
    end = await ended(bench.rail, attempt)
    await bench.rail.settle(attempt)
    assert await bench.rail.observe(attempt) == end


async def test_attempts_do_not_touch_each_other(bench: Bench) -> None:
    """Revoking one leaves the other alone."""
    kept, stopped = new_attempt(), new_attempt()
    for attempt in (kept, stopped):
        await bench.rail.offer(bench.order(attempt))
        await bench.running(attempt)
    await bench.rail.revoke(stopped)
    await ended(bench.rail, stopped)
    assert isinstance(await bench.rail.observe(kept), Running)
    bench.finish(kept)
    assert (await ended(bench.rail, kept)).cause is Cause.EXIT
