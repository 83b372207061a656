"""Hands that run attempts by the process rail, in working directories that they fetch and push by git."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from loguru import logger

from mosaic_rails.base import Absent, Cause, Ended, Errand, Observation, Offered, Order, RailError, Running
from mosaic_rails.leased.hands import Made
from mosaic_rails.process.rail import ProcessRail
from mosaic_rails.worker import code

_LOG_BYTES = 40_000
_RESULT_BYTES = 16_000
_RESULT = "result.json"
_TRIES = 4
_PAUSE_SEC = 2.0


@dataclass(frozen=True, slots=True)
class Desk:
    """Where one attempt is done.

    Attributes:
        prompt: a file with the whole of it. tree: the working directory. result: where the agent may put its result.
    """

    key: str
    prompt: Path
    tree: Path
    result: Path


#: How an agent is called on this machine: the command for an errand, or a RailError when it cannot be.
Call = Callable[[Errand, Desk], Order]


class ProcessHands:
    """Implements `mosaic_rails.leased.hands.Hands`. What runs outlives it; the next one over `root` goes on with it.

    Args:
        root: `<root>/code/<key>` for code, `<root>/attempts/<key>` for what runs; made when missing.
    """

    def __init__(self, root: Path, call: Call, pause_sec: float = _PAUSE_SEC) -> None:
        self._code, self._attempts = root / "code", root / "attempts"
        self._rail = ProcessRail(self._attempts)
        self._call = call
        self._pause_sec = pause_sec
        self._preparing: dict[str, tuple[asyncio.Task[None], datetime]] = {}
        self._failed: dict[str, Ended] = {}
        self._wakes: list[Callable[[], None]] = []

    def on_change(self, wake: Callable[[], None]) -> None:
        self._wakes.append(wake)
        self._rail.on_change(wake)

    async def start(self, key: str, errand: Errand) -> None:
        code.check(errand)
        if key in self._preparing or key in self._failed or not isinstance(await self._rail.observe(key), Absent):
            return
        # Fetching may take longer than a lease: it must not keep renewals from being sent.
        work = asyncio.create_task(self._prepare(key, errand))
        self._preparing[key] = (work, datetime.now(UTC))

    async def observe(self, key: str) -> Observation:
        if key in self._preparing:
            return Running("fetching its code", self._preparing[key][1])
        seen = await self._rail.observe(key)
        if isinstance(seen, Absent | Offered) and key in self._failed:
            return self._failed[key]
        return seen

    async def stop(self, key: str) -> None:
        if key in self._preparing:
            work, _ = self._preparing[key]
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
        await self._rail.revoke(key)

    async def hand_in(self, key: str, errand: Errand, end: Ended) -> Made:
        head = await code.push(self._code / key, errand)
        return Made(head, _result(self._code / key / _RESULT), _end_of(end.log))

    async def forget(self, key: str) -> None:
        await self._rail.settle(key)
        self._failed.pop(key, None)
        for folder in (self._code, self._attempts):
            await asyncio.to_thread(shutil.rmtree, folder / key, ignore_errors=True)

    async def close(self) -> None:
        """What is being fetched is fetched again by the next one."""
        works = [work for work, _ in self._preparing.values()]
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)

    async def _prepare(self, key: str, errand: Errand) -> None:
        since = datetime.now(UTC)
        try:
            await self._offer(key, errand)
        except (OSError, RailError) as error:
            logger.error("attempt {}: {}", errand.attempt, error)
            log = self._code / key / "output.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_bytes(b"")
            self._failed[key] = Ended(Cause.SPAWN, None, None, str(error), since, datetime.now(UTC), log, 0)
        finally:
            del self._preparing[key]
            for wake in self._wakes:
                wake()

    async def _offer(self, key: str, errand: Errand) -> None:
        home = self._code / key
        for left in reversed(range(_TRIES)):
            await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)
            home.mkdir(parents=True, mode=0o700)
            try:
                tree = await code.fetch(home, errand)
                break
            except code.GitFailed as error:
                if not left:
                    raise
                logger.warning("attempt {}: {}; tried again", errand.attempt, error)
                await asyncio.sleep(self._pause_sec)
        prompt = home / "prompt.md"
        prompt.write_text(errand.prompt, encoding="utf-8")
        await self._rail.offer(self._call(errand, Desk(key, prompt, tree, home / _RESULT)))


def _result(path: Path) -> str:
    """What an agent wrote as its result; what is no plain small file of text is not there."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            data = file.read(_RESULT_BYTES + 1) if stat.S_ISREG(os.fstat(fd).st_mode) else b""
            return data.decode("utf-8") if len(data) <= _RESULT_BYTES else ""
    except (OSError, ValueError):
        return ""


def _end_of(log: Path) -> str:
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _LOG_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError as error:
        return f"its output cannot be read: {error}"
