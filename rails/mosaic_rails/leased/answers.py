"""What follows for a job from what its daemon says, and what is said of its end: the worker's half, without effects."""

from __future__ import annotations

from dataclasses import replace

from loguru import logger

from mosaic_rails.base import Cause, Ended
from mosaic_rails.leased import messages as msg
from mosaic_rails.leased import wire
from mosaic_rails.leased.contract import LOST
from mosaic_rails.leased.hands import Made
from mosaic_rails.leased.jobs import Job, Stage


def after(job: Job, message: msg.FromDaemon) -> Job | None:
    """The job after a message about it; None: it is to be forgotten. A message that is stale changes nothing."""
    match message:
        case msg.Grant() if job.stage is Stage.CLAIMING:
            return _granted(job, message)
        case msg.Renewed() if job.stage is Stage.WORKING:
            sent = job.sent.get(message.number, job.confirmed)
            return replace(job, confirmed=max(job.confirmed, sent), lease_sec=message.lease_ms / 1000)
        case msg.Stop() if job.stage is Stage.WORKING and not job.stopping:
            return replace(job, stopping=Cause.REVOKED, detail=message.reason)
        case msg.Accepted() if job.stage is Stage.REPORTING:
            return replace(job, stage=Stage.OVER)
        case msg.Rejected():
            return _refused(job, message)
        case _:
            return job


def result(job: Job, cause: str, detail: str, made: Made, end: Ended | None) -> msg.Result:
    """What the daemon is told of a job that is over, as much of its log as fits."""
    whole = msg.Result(
        daemon=job.daemon,
        attempt=job.attempt,
        claim=job.claim,
        cause=cause,
        exit_code=end.exit_code if end else None,
        signal=end.signal if end else None,
        detail=detail,
        head=made.head,
        result=made.result,
        log=made.log,
        log_bytes=end.log_bytes if end else 0,
    )
    return wire.fitted(whole)


def _granted(job: Job, grant: msg.Grant) -> Job | None:
    if wire.digest_of(grant.errand) != job.digest:
        logger.error("attempt {}: what was granted is not what was offered; left alone", job.attempt)
        return None
    return replace(job, stage=Stage.WORKING, errand=grant.errand, lease_sec=grant.lease_ms / 1000)


def _refused(job: Job, rejected: msg.Rejected) -> Job | None:
    match job.stage, rejected.what:
        case Stage.CLAIMING, "claim":
            return None
        case Stage.WORKING, "renew" if not job.stopping:
            return replace(job, stopping=LOST, detail=f"its daemon took it back: {rejected.reason}")
        case Stage.REPORTING, "result":
            logger.warning("attempt {}: its result counts for nothing: {}", job.attempt, rejected.reason)
            return replace(job, stage=Stage.OVER)
        case _:
            return job
