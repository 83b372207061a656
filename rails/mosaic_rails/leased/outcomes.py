"""From what the book has to what the daemon observes."""

from __future__ import annotations

from pathlib import Path

from mosaic_rails.base import Cause, Delivery, Ended, Lost, Observation, Offered, Running
from mosaic_rails.leased.contract import How, Over, Row

_LOG = "output.log"
_UNSENT = {How.REVOKED: Cause.REVOKED, How.UNFIT: Cause.SPAWN}


def observation(row: Row, logs: Path) -> Observation:
    """What is true of an attempt; the log of one that ended is a file when this returns."""
    if row.over is not None:
        return Lost(row.over.detail) if row.over.how is How.LOST else _ended(row, row.over, logs)
    return Offered() if row.held is None else Running(row.held.worker, row.held.since)


def _ended(row: Row, over: Over, logs: Path) -> Ended:
    """Its times are this machine's: when it was granted, and when its end was heard."""
    result = over.result
    return Ended(
        cause=Cause(result.cause) if result else _UNSENT[over.how],
        exit_code=result.exit_code if result else None,
        signal=result.signal if result else None,
        detail=over.detail,
        started_at=row.held.since if row.held else over.at,
        ended_at=over.at,
        log=_log(logs / row.attempt, result.log if result else ""),
        log_bytes=result.log_bytes if result else 0,
        delivery=Delivery(row.errand.url, row.errand.ref, result.head, result.result) if result else None,
    )


def _log(folder: Path, text: str) -> Path:
    path = folder / _LOG
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = folder / f".{_LOG}.new"
        new.write_bytes(text.encode("utf-8", "replace"))
        new.rename(path)
    return path
