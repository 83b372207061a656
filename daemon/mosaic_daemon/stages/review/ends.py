"""What the end of a reviewer's run means: a verdict, or why it is none, and whether asking again may help."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from mosaic_daemon.ground import atomicfile
from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.ground.secrets import redact
from mosaic_daemon.nouns.review import Aspect, Verdict
from mosaic_daemon.runtimes import limits, read
from mosaic_daemon.runtimes.base import Runtime
from mosaic_daemon.runtimes.result import ResultError, last_block
from mosaic_daemon.stages.review import reading
from mosaic_daemon.stages.review.reading import NoVerdict
from mosaic_rails.base import Cause, Ended

_NO_PROGRAM = (126, 127)
_MAX_LOG_BYTES = 8 << 20
_UNAVAILABLE = re.compile(
    r"command not found|no such file|not (?:installed|logged in|authenticated)|log ?in (?:again|first)|codex login"
    r"|unauthori[sz]ed|unauthenticated|authentication|api key|\b40[13]\b|api error",
    re.IGNORECASE,
)
_TOKENS = re.compile(rb"^(?:\[[^]\n]*\] )?tokens used:?\s+(\d[\d,]{0,20})\s*$", re.MULTILINE | re.IGNORECASE)
_VERSION = re.compile(r"codex(?:-cli)?\s+v?(\d+\.\d+\.\d+)", re.IGNORECASE)


class Unavailable(NoVerdict):
    """It cannot review at all now; asking it again would not help."""


class Limited(NoVerdict):
    """A provider's limit, until a time or without one."""

    def __init__(self, reason: str, until: datetime | None) -> None:
        super().__init__(reason)
        self.until = until


def of_script(aspect: Aspect, end: Ended, output: Path, head_sha: str) -> Verdict:
    """The verdict of one of the two scripts, which it has written to `output`.

    Raises:
        NoVerdict: there is none, or it cannot be believed.
    """
    said = log(end).decode("utf-8", "replace")
    _require_exit(end)
    if end.exit_code in _NO_PROGRAM:
        raise Unavailable(f"{end.detail}: {_last_line(said)}")
    by = f"Codex {found[1]}" if (found := _VERSION.search(said)) else "Codex"
    try:
        verdict = reading.of_script(aspect, _written(output), head_sha, by)
    except NoVerdict as error:
        if end.exit_code == 0:
            raise
        problem = f"{end.detail}: {_last_line(said) or error}"
        is_unavailable = _UNAVAILABLE.search(said) or limits.passes_by_words(said)
        raise (Unavailable if is_unavailable else NoVerdict)(problem) from error
    return _believed(verdict, end)


def of_agent(runtime: Runtime, end: Ended, head_sha: str) -> Verdict:
    """The verdict at the end of what a reviewing agent said.

    Raises:
        NoVerdict: there is none, or it cannot be believed.
    """
    said = read(runtime.output, log(end), end.ended_at)
    _require_exit(end)
    try:
        verdict = reading.of_agent(said.text, head_sha, runtime.name)
    except NoVerdict as error:
        if said.limit is not None:
            raise Limited(said.limit.detail, said.limit.until) from error
        raise NoVerdict(said.error or str(error)) from error
    return _believed(verdict, end)


def used_by_script(end: Ended, output: Path) -> int | None:
    """Tokens, by the JSON it wrote, by Codex's events in what it printed, or by Codex's closing words."""
    with suppress(NoVerdict):
        if (told := reading.used(_written(output))) is not None:
            return told
    printed = log(end)
    told = read("codex-jsonl", printed).used
    words = _TOKENS.findall(printed)
    return told if told is not None or not words else int(words[-1].replace(b",", b""))


def used_by_agent(runtime: Runtime, end: Ended) -> int | None:
    """Tokens, by its runtime's count, or by what it says itself."""
    said = read(runtime.output, log(end), end.ended_at)
    if said.used is not None:
        return said.used
    with suppress(ResultError):
        return reading.used((last_block(said.text, "verdict") or "").encode("utf-8", "replace"))
    return None


def log(end: Ended) -> bytes:
    """The end of what a run printed."""
    return end.log.read_bytes()[-_MAX_LOG_BYTES:] if end.log.is_file() else b""


def _believed(verdict: Verdict, end: Ended) -> Verdict:
    """Who finds something may end as it likes; who finds nothing has to end well."""
    if end.exit_code != 0 and not (verdict.blockers or verdict.critical or verdict.high):
        raise NoVerdict(f"it found nothing to mend and ended badly: {end.detail}")
    return verdict


def _written(output: Path) -> bytes:
    try:
        return atomicfile.read_untrusted(output, max_bytes=reading.MAX_BYTES)
    except FileNotFoundError:
        raise NoVerdict("it wrote no JSON") from None
    except (InputError, OSError) as error:
        raise NoVerdict(f"its JSON cannot be read: {error}") from error


def _require_exit(end: Ended) -> None:
    if end.cause is Cause.SPAWN:
        raise Unavailable(end.detail)
    if end.cause is not Cause.EXIT:
        raise NoVerdict(f"it was ended by {end.cause}: {end.detail}")


def _last_line(said: str) -> str:
    lines = said.strip().splitlines()
    return redact(lines[-1].strip()[:300]) if lines else ""
