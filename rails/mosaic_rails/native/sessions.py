"""Attached agent sessions: who is there, how full their contexts are, and who may still be given a task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

CHECKPOINT_PERCENT = 55  #: from here on a session is asked for a checkpoint
LAST_PERCENT = 60  #: from here on it gets no further task

_CHECKPOINT = """\
ORCHESTRATOR HANDOFF REQUIRED
Context: {percent}% — Replacement recommended to prevent drift
1. Complete current task
2. Persist all state
3. Output the ORCHESTRATOR HANDOFF message: `mosaic-orchestrator handoff --context {percent}` prints it
4. STOP COMPLETELY — do not continue working
Do NOT attempt to compact yourself — compaction causes drift
Do NOT continue past {last}%"""


@dataclass(frozen=True, slots=True)
class Session:
    """One attached session.

    Attributes:
        id: its own name for itself, the same in everything it says.
        agent: what it is, for people.
        heard: monotonic second of its last word.
        context: how full its context is, percent, as it said last; None: it has not said.
    """

    id: str
    agent: str
    since: datetime
    heard: float
    context: int | None = None

    @property
    def takes_tasks(self) -> bool:
        """Its context has room for another one."""
        return self.context is None or self.context < LAST_PERCENT

    @property
    def request(self) -> str:
        """What it is asked to do because of its context; empty: nothing."""
        if self.context is None or self.context < CHECKPOINT_PERCENT:
            return ""
        return _CHECKPOINT.format(percent=self.context, last=LAST_PERCENT)


class Sessions:
    """The sessions that were heard within the last `silence_sec` seconds."""

    def __init__(self, silence_sec: float, monotonic: Callable[[], float], now: Callable[[], datetime]) -> None:
        self._silence_sec = silence_sec
        self._monotonic = monotonic
        self._now = now
        self._known: dict[str, Session] = {}

    def hear(self, session: str, agent: str = "", context: int | None = None) -> Session:
        """A session says something; one that is not known is attached by it."""
        known = self._known.get(session) or Session(session, agent or session, self._now(), 0.0)
        known = replace(
            known,
            agent=agent or known.agent,
            heard=self._monotonic(),
            context=known.context if context is None else context,
        )
        self._known[session] = known
        return known

    def leave(self, session: str) -> None:
        """It says that it goes."""
        self._known.pop(session, None)

    def alive(self) -> list[Session]:
        """Those that are there, the longest attached first."""
        oldest = self._monotonic() - self._silence_sec
        self._known = {name: each for name, each in self._known.items() if each.heard >= oldest}
        return sorted(self._known.values(), key=lambda each: (each.since, each.id))
