"""The program: a worker on one carrier, until it is told to drain."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
from loguru import logger

from mosaic_rails.base import RailError
from mosaic_rails.leased.hands import Abilities
from mosaic_rails.leased.jobs import Jobs
from mosaic_rails.leased.transport import Transport
from mosaic_rails.leased.worker import Worker
from mosaic_rails.worker.hands import Call, ProcessHands


async def work(root: Path, transport: Transport, abilities: Abilities, call: Call) -> None:
    """Work until SIGTERM or SIGINT, then end what is there and claim nothing more; a second signal leaves it running.

    Args:
        root: of this worker alone; what a former life left there is gone on with.

    Raises:
        RailError: another one works there.
    """
    with _alone(root):
        hands = ProcessHands(root, call)
        worker = Worker(transport, hands, Jobs(root / "jobs"), abilities)
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(_obey, worker, group.cancel_scope)
                logger.info("{}: room for {} attempts, has {}", transport.identity, abilities.slots, abilities.labels)
                await worker.run()
                group.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await hands.close()


async def _obey(worker: Worker, scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        is_draining = False
        async for _ in signals:
            if is_draining:
                logger.info("what runs goes on, and is taken up by the next start")
                scope.cancel()
                return
            is_draining = True
            logger.info("draining: {} attempts to end; once more leaves them running", len(worker.jobs))
            worker.drain()


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    fd = os.open(root / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RailError(f"{root}: another worker host works there; give this one a folder of its own") from error
        yield
    finally:
        os.close(fd)
