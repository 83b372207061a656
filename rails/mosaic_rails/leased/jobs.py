"""A worker's attempts in files, one each, so that a restarted host knows what it has claimed and what it runs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from loguru import logger

from mosaic_rails.base import Errand
from mosaic_rails.leased import messages as msg
from mosaic_rails.leased import wire

_CURSOR = "cursor"
_SUFFIX = ".json"
_UNKNOWN_LEASE_SEC = 120.0
_LONG_AGO = -1e9


class Stage(StrEnum):
    """How far an attempt is, seen from its worker."""

    CLAIMING = "claiming"
    WORKING = "working"
    REPORTING = "reporting"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt that this worker wants or has.

    Attributes:
        claim: its name for this wish. peer: the daemon, as the carrier names it. digest: of the errand offered.
        errand: once granted. result: once it ended.
        started: it may have been started. stopping: why it is being ended, a `base.Cause` or `lost`; detail: in words.
        lease_sec: as granted. confirmed: monotonic second from which the lease counts.
        number: of the newest renewal; sent: when each of the last ones was sent.
        tries, next_try: of the message that is not answered yet; not kept over a restart.
    """

    daemon: str
    attempt: str
    claim: str
    peer: str
    digest: str
    stage: Stage = Stage.CLAIMING
    errand: Errand | None = None
    result: msg.Result | None = None
    started: bool = False
    stopping: str = ""
    detail: str = ""
    lease_sec: float = _UNKNOWN_LEASE_SEC
    confirmed: float = 0.0
    number: int = 0
    sent: Mapping[int, float] = field(default_factory=dict)
    tries: int = 0
    next_try: float = 0.0

    @property
    def key(self) -> str:
        return f"{self.daemon}.{self.attempt}"


class Jobs:
    """The folder of jobs.

    Args:
        boot: names this boot of the machine: monotonic times of another mean nothing.
    """

    def __init__(self, folder: Path, boot: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._boot = boot or Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        self._jobs: dict[str, Job] = {}
        for path in sorted(folder.glob(f"*{_SUFFIX}")):
            try:
                job = self._read(json.loads(path.read_bytes()))
            except (OSError, ValueError, KeyError, TypeError) as error:
                logger.error("{} is no job, put aside: {}", path, error)
                path.rename(path.with_suffix(".broken"))
            else:
                self._jobs[job.key] = job

    def all(self) -> tuple[Job, ...]:
        return tuple(self._jobs.values())

    def get(self, daemon: str, attempt: str) -> Job | None:
        return self._jobs.get(f"{daemon}.{attempt}")

    def latest(self, job: Job) -> Job:
        """The job as it is now."""
        return self._jobs.get(job.key, job)

    def put(self, job: Job) -> None:
        """Keep it; what must not be forgotten is on the disk when this returns."""
        before = self._jobs.get(job.key)
        if before == job:
            return
        self._jobs[job.key] = job
        is_step = before is None or (before.stage, before.started, before.stopping) != (
            job.stage,
            job.started,
            job.stopping,
        )
        self._write(f"{job.key}{_SUFFIX}", json.dumps(self._flat(job)).encode(), is_durable=is_step)

    def remove(self, job: Job) -> None:
        self._jobs.pop(job.key, None)
        (self._folder / f"{job.key}{_SUFFIX}").unlink(missing_ok=True)

    @property
    def cursor(self) -> str | None:
        path = self._folder / _CURSOR
        return path.read_text(encoding="utf-8") if path.exists() else None

    def move_cursor(self, cursor: str) -> None:
        """Go on reading after this; written after what follows from the messages before it."""
        self._write(_CURSOR, cursor.encode(), is_durable=False)

    def _write(self, name: str, data: bytes, *, is_durable: bool) -> None:
        new = self._folder / f".{name}.new"
        with new.open("wb") as file:
            file.write(data)
            file.flush()
            if is_durable:
                os.fsync(file.fileno())
        new.rename(self._folder / name)
        if is_durable:
            fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    def _flat(self, job: Job) -> dict[str, Any]:
        return {
            "daemon": job.daemon,
            "attempt": job.attempt,
            "claim": job.claim,
            "peer": job.peer,
            "digest": job.digest,
            "stage": job.stage.value,
            "errand": wire.flat_errand(job.errand) if job.errand else None,
            "result": wire.encode(job.result).decode() if job.result else None,
            "started": job.started,
            "stopping": job.stopping,
            "detail": job.detail,
            "lease_sec": job.lease_sec,
            "confirmed": job.confirmed,
            "number": job.number,
            "boot": self._boot,
        }

    def _read(self, body: dict[str, Any]) -> Job:
        boot = body.pop("boot")
        result = wire.decode(body["result"].encode()) if body["result"] else None
        errand = wire.read_errand(body["errand"]) if body["errand"] else None
        kept = {**body, "stage": Stage(body["stage"]), "errand": errand, "result": result}
        job = Job(**kept)
        return job if boot == self._boot else replace(job, confirmed=_LONG_AGO)
