"""The worker's side: claim what is offered, do what is granted, say how it ended, and never outlive the lease.

A lease counts from when the last confirmed renewal was *sent*, and the worker ends its own tree at 0.7 of it: whatever
the carrier delays, the daemon counts longer. Jobs are kept in files: a restarted host goes on with its attempts.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import TypeGuard

import anyio
from anyio.abc import TaskGroup
from loguru import logger

from mosaic_rails.base import Cause, Ended, Errand, Lost, RailError, Running
from mosaic_rails.leased import answers, wire
from mosaic_rails.leased import messages as msg
from mosaic_rails.leased.contract import LOST, missing_labels
from mosaic_rails.leased.hands import Abilities, Hands, Made
from mosaic_rails.leased.jobs import Job, Jobs, Stage
from mosaic_rails.leased.linking import stay_linked
from mosaic_rails.leased.transport import Batch, Link, Outgoing, Received, Transport

STOP_AT = 0.7  #: of a lease without a confirmed renewal
_START_BEFORE = 0.5
_RENEWALS = 4
_CLAIM_TRIES = 12
_OFFERS_KEPT = 1000


class Worker:
    """A host's worker on one carrier.

    Args:
        jobs: the files of its attempts; those of a former life are gone on with.
        monotonic: seconds, comparable between processes of one boot.
    """

    def __init__(
        self,
        transport: Transport,
        hands: Hands,
        jobs: Jobs,
        abilities: Abilities,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._hands = hands
        self._jobs = jobs
        self._abilities = abilities
        self._monotonic = monotonic
        self._is_linked = False
        self._outbox: asyncio.Queue[Outgoing | None] = asyncio.Queue()
        self._offers: dict[tuple[str, str], tuple[str, msg.Offer]] = {}
        self._wake = asyncio.Event()
        self._handing_in: set[str] = set()
        self._draining = False
        self.trouble = "not connected yet"
        hands.on_change(self._wake.set)

    def drain(self) -> None:
        """Claim nothing any more; `run` ends when nothing is left."""
        self._draining = True
        self._wake.set()

    @property
    def jobs(self) -> tuple[Job, ...]:
        return self._jobs.all()

    async def run(self) -> None:
        """Work until cancelled, or drained. What runs when it is cancelled goes on, and is taken up by the next one."""
        async with anyio.create_task_group() as group:
            group.start_soon(stay_linked, self._transport, lambda: self._jobs.cursor, self._use, self._broken)
            await self._work(group)
            group.cancel_scope.cancel()

    # --- the carrier --------------------------------------------------------------------------------------------------

    async def _use(self, link: Link) -> None:
        self._outbox = asyncio.Queue()
        for job in self._jobs.all():  # whatever was said last may have got lost with the link
            self._jobs.put(replace(job, sent={}, next_try=0.0))
        self._is_linked, self.trouble = True, ""
        self._wake.set()
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._listen, link)
                group.start_soon(self._speak, link)
        finally:
            self._is_linked = False

    def _broken(self, why: str) -> None:
        if why != self.trouble:
            logger.info("{}", why)
        self.trouble = why

    async def _listen(self, link: Link) -> None:
        while True:
            batch = await link.receive()
            self._take(batch)
            await link.acknowledge(batch)

    async def _speak(self, link: Link) -> None:
        """Apart from the work: a carrier that hangs must not keep a lease from being looked at."""
        while True:
            await link.ready(0 if self._draining else self._room())
            message = await self._outbox.get()
            if message is not None:
                await link.send(message)

    def _take(self, batch: Batch) -> None:
        """Take messages in; what has to survive is in the files when this returns."""
        for received in batch.messages:
            try:
                message = wire.decode(received.body)
            except wire.Malformed as error:
                logger.warning("a message from {} is passed over: {}", received.sender, error)
                continue
            if self._is_from_a_daemon(message, received.sender):
                self._taken(received, message)
        if batch.cursor is not None:
            self._jobs.move_cursor(batch.cursor)
        self._wake.set()

    def _is_from_a_daemon(self, message: msg.Message, sender: str) -> TypeGuard[msg.FromDaemon]:
        if isinstance(message, msg.Claim | msg.Renew | msg.Result):
            return False  # of another worker, where everybody reads everything
        daemons = self._abilities.daemons
        if daemons is not None and sender not in daemons:
            logger.warning("a message of type {} from {}, no daemon of ours", message.type, sender)
            return False
        return True

    def _taken(self, received: Received, message: msg.FromDaemon) -> None:
        if isinstance(message, msg.Offer):
            self._offers[message.daemon, message.attempt] = (received.sender, message)
            while len(self._offers) > _OFFERS_KEPT:
                del self._offers[next(iter(self._offers))]
            return
        job = self._jobs.get(message.daemon, message.attempt)
        if job is None or (job.peer, job.claim) != (received.sender, message.claim):
            return  # another worker's, or of an attempt that is long over
        after = answers.after(job, message)
        if after is None:
            self._drop(job)
        else:
            self._jobs.put(after)

    def _send(self, job: Job, message: msg.FromWorker, which: object) -> None:
        """Hand a message to the carrier, if there is one: everything is said again until it is answered."""
        if self._is_linked:
            # A repetition is a message of its own: the answer to an earlier one may have been lost.
            key = f"{job.key}.{message.type}.{job.claim}.{which}"
            self._outbox.put_nowait(Outgoing(key, job.peer, wire.encode(message)))

    # --- work ---------------------------------------------------------------------------------------------------------

    async def _work(self, group: TaskGroup) -> None:
        while not (self._draining and not self._jobs.all()):
            self._wake.clear()
            self._choose()
            for job in self._jobs.all():
                try:
                    await self._advance(job, group)
                except (OSError, RailError) as error:
                    logger.error("attempt {}: {}; tried again", job.attempt, error)
            with anyio.move_on_after(self._pause_sec()):
                await self._wake.wait()

    def _drop(self, job: Job) -> None:
        self._jobs.remove(job)
        self._outbox.put_nowait(None)  # there is room again
        self._wake.set()

    def _room(self) -> int:
        return max(0, self._abilities.slots - len(self._jobs.all()))

    def _choose(self) -> None:
        """Make wishes of offers, as many as there is room for."""
        while self._offers and self._room() and not self._draining:
            (daemon, attempt), (peer, offer) = next(iter(self._offers.items()))
            del self._offers[daemon, attempt]
            is_fit = not missing_labels(offer.labels, self._abilities.labels)
            if is_fit and self._jobs.get(daemon, attempt) is None:
                self._jobs.put(Job(daemon, attempt, f"c-{uuid.uuid4().hex}", peer, offer.digest))

    async def _advance(self, job: Job, group: TaskGroup) -> None:
        match job.stage:
            case Stage.CLAIMING:
                await self._claim(job)
            case Stage.WORKING:
                await self._renew(job)
                await self._do(self._jobs.latest(job), group)
            case Stage.REPORTING:
                await self._report(job)
            case Stage.OVER:
                await self._hands.forget(job.key)
                self._drop(job)

    async def _claim(self, job: Job) -> None:
        now = self._monotonic()
        if not self._is_linked or now < job.next_try:
            return
        if job.tries >= _CLAIM_TRIES:
            self._drop(job)
            return
        job = replace(
            job, tries=job.tries + 1, next_try=now + self._abilities.retry_sec, confirmed=job.confirmed or now
        )
        self._jobs.put(job)
        claim = msg.Claim(job.daemon, job.attempt, job.claim, self._abilities.labels)
        self._send(job, claim, f"{job.tries}.{now:.3f}")

    async def _renew(self, job: Job) -> None:
        now = self._monotonic()
        if not self._is_linked or now < max(job.sent.values(), default=job.confirmed) + job.lease_sec / _RENEWALS:
            return
        number = max(job.sent, default=job.number) + 1
        kept = {each: at for each, at in job.sent.items() if at > now - job.lease_sec}
        self._jobs.put(replace(job, number=number, sent={**kept, number: now}))
        note = job.detail or "working"
        self._send(job, msg.Renew(job.daemon, job.attempt, job.claim, number, note), number)

    async def _do(self, job: Job, group: TaskGroup) -> None:
        """Start it, stop it, or take its end in."""
        if job.errand is None or job.stage is not Stage.WORKING or job.key in self._handing_in:
            return
        age = self._monotonic() - job.confirmed
        if not job.started and not job.stopping:
            if age < job.lease_sec * _START_BEFORE:
                await self._start(job, job.errand)
            return
        seen = await self._hands.observe(job.key)
        if isinstance(seen, Ended):
            self._handing_in.add(job.key)
            group.start_soon(self._hand_in, job, job.errand, seen)
        elif isinstance(seen, Lost):
            self._end(job, LOST, seen.detail)
        elif job.stopping or age >= job.lease_sec * STOP_AT:
            await self._stop(job, age, is_running=isinstance(seen, Running))
        elif not isinstance(seen, Running) and age < job.lease_sec * _START_BEFORE:
            await self._start(job, job.errand)  # this host died, or its disk was full, before it came to that

    async def _stop(self, job: Job, age: float, *, is_running: bool) -> None:
        if not job.stopping:
            detail = f"stopped itself: no renewal was confirmed for {age:.0f} s of a lease of {job.lease_sec:g} s"
            job = replace(job, stopping=LOST, detail=detail)
            self._jobs.put(job)
        await self._hands.stop(job.key)
        if not is_running:
            self._end(job, job.stopping, job.detail)

    async def _start(self, job: Job, errand: Errand) -> None:
        self._jobs.put(replace(job, started=True))
        try:
            await self._hands.start(job.key, errand)
        except RailError as error:
            self._end(job, Cause.SPAWN, str(error))

    async def _hand_in(self, job: Job, errand: Errand, end: Ended) -> None:
        try:
            made = await self._hands.hand_in(job.key, errand, end)
        except (OSError, RailError) as error:
            logger.error("attempt {}: {}; tried again", job.attempt, error)
            await anyio.sleep(min(self._abilities.retry_sec, job.lease_sec / 8))
        else:
            job = self._jobs.latest(job)
            cause = job.stopping or end.cause
            self._end(job, cause, job.detail if job.stopping else end.detail, made, end)
        finally:
            self._handing_in.discard(job.key)
            self._wake.set()

    def _end(self, job: Job, cause: str, detail: str, made: Made | None = None, end: Ended | None = None) -> None:
        result = answers.result(job, cause, detail, made or Made("", "", ""), end)
        self._jobs.put(replace(job, stage=Stage.REPORTING, result=result, tries=0, next_try=0.0))
        self._wake.set()

    async def _report(self, job: Job) -> None:
        now = self._monotonic()
        if not self._is_linked or now < job.next_try or job.result is None:
            return
        pause = min(self._abilities.retry_sec, job.lease_sec / 8)
        self._jobs.put(replace(job, tries=job.tries + 1, next_try=now + pause))
        self._send(job, job.result, f"{job.tries}.{now:.3f}")

    def _pause_sec(self) -> float:
        """Until something is due by itself; messages and ends wake earlier."""
        leases = [job.lease_sec for job in self._jobs.all()]
        return min([self._abilities.retry_sec, *(lease / (2 * _RENEWALS) for lease in leases)]) / 2
