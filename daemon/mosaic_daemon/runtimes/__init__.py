"""What is known of agent CLIs: how each is called, what it may see, and what its output means.

Here live the argv and environment of a runtime, one reader per output format, and the worker's result. All of it is
pure: a log and a prompt file are read, nothing is started, nothing is decided about a task, and no reader fails on
what an agent printed.
"""

from __future__ import annotations

from datetime import UTC, datetime

from mosaic_daemon.runtimes import claude, codex, opencode, text
from mosaic_daemon.runtimes.base import Output, Reading

_READERS = {
    "claude-stream-json": claude.read,
    "codex-jsonl": codex.read,
    "opencode-json": opencode.read,
    "text": text.read,
}


def read(output: Output, log: bytes, ended_at: datetime | None = None) -> Reading:
    """What the agent's output says, whatever is in it: lines that are cut, foreign or broken are passed over.

    Args:
        output: the format, one of `Runtime.output`.
        log: standard output and error of the run, the middle possibly dropped.
        ended_at: when the run ended, for limits that a provider words as a clock time or a span; None: now.
    """
    return _READERS[output](log, ended_at or datetime.now(UTC))
