"""Something only a person can move: what, why, what was tried, and the choices. One message says all of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

_LONGEST = 600
_QUIET = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Concern:
    """One call for a person.

    Attributes:
        topic: what it is about: `task T-1`, `deadlock`, `budget`, `tasks.json`. There is one at a time of each.
        what: one line, the subject. why: what is known of the cause.
        tried: what was done about it so far. choices: commands to pick from, ready to be pasted.
        mark: changes when it is another one of the same topic, and only then.
        task: its id, where it is about one.
        since: when it was seen first; with it the same words at another time are another call.
    """

    topic: str
    what: str
    why: str
    choices: tuple[str, ...]
    tried: tuple[str, ...] = ()
    mark: str = ""
    task: str = ""
    since: datetime | None = None

    @property
    def delivery(self) -> str:
        """The same for the same call, however often it is sent: receivers may drop the second."""
        since = self.since.isoformat() if self.since else ""
        return hashlib.sha256(f"{self.topic}\0{self.mark}\0{since}".encode()).hexdigest()[:16]

    def text(self, repository: str) -> str:
        """The message for people."""
        lines = [plain(self.what), "", f"Why: {plain(self.why)}"]
        if self.tried:
            lines += ["Tried:", *(f"- {plain(each)}" for each in self.tried)]
        lines += ["Your choices:", *(f"- {plain(each)}" for each in self.choices), "", f"Repository: {repository}"]
        return "\n".join(lines) + "\n"

    def document(self, repository: str) -> dict[str, Any]:
        """The message for programs."""
        return {
            "topic": self.topic,
            "task": self.task or None,
            "what": plain(self.what),
            "why": plain(self.why),
            "tried": [plain(each) for each in self.tried],
            "choices": [plain(each) for each in self.choices],
            "repository": repository,
            "delivery": self.delivery,
        }


def plain(text: str) -> str:
    """On one line, without anything that steers a terminal, and not endless: it may come from a worker."""
    shown = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return f"{shown[: _LONGEST - 1]}…" if len(shown) > _LONGEST else shown


def together(concerns: Sequence[Concern], choice: str) -> Concern:
    """One message for many."""
    shown = tuple(concern.what for concern in concerns[:10])
    more = (f"and {len(concerns) - len(shown)} more",) if len(concerns) > len(shown) else ()
    why = "; ".join((*shown, *more))
    mark = "\0".join(sorted(each.delivery for each in concerns))
    return Concern("several", f"{len(concerns)} things need a person", why, (choice,), mark=mark)


@dataclass(slots=True)
class Told:
    """Which calls were sent, so that each is sent once, whatever happens to the daemon in between.

    One that was taken back and comes back in the same words within half an hour is not told again.

    Attributes:
        entries: per topic the mark, when it was sent, and when it was last there.
        pending: per topic the mark of what is not known to be sent, and since when it is there. Stored before it is
            sent, so that a daemon that was killed in between sends the same delivery again.
    """

    entries: dict[str, tuple[str, datetime, datetime]] = field(default_factory=dict)
    pending: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str | None) -> Told:
        """What `text` kept; a damaged text is as good as none: too much is told rather than too little."""
        try:
            document = json.loads(text or "{}")
            told = document.get("told", document)  # before there was `pending` it was the whole
            kept = {str(topic): (str(mark), _time(sent), _time(seen)) for topic, (mark, sent, seen) in told.items()}
            waits = document["pending"].items() if told is not document else ()
            pending = {str(topic): (str(mark), _time(since)) for topic, (mark, since) in waits}
        except (ValueError, TypeError, AttributeError, KeyError):
            return cls()
        return cls(kept, pending)

    def text(self) -> str:
        told = {topic: [mark, sent.isoformat(), seen.isoformat()] for topic, (mark, sent, seen) in self.entries.items()}
        pending = {topic: [mark, since.isoformat()] for topic, (mark, since) in self.pending.items()}
        return json.dumps({"told": told, "pending": pending})

    def knows(self, concern: Concern) -> bool:
        return concern.topic in self.entries and self.entries[concern.topic][0] == concern.mark

    def dated(self, concern: Concern) -> Concern:
        """The concern with the time since when it is there."""
        if self._pending_mark(concern.topic) != concern.mark:
            return concern
        return replace(concern, since=self.pending[concern.topic][1])

    def note(self, concern: Concern, now: datetime) -> None:
        self.entries[concern.topic] = (concern.mark, now, now)
        self.pending.pop(concern.topic, None)

    def keep(self, present: Mapping[str, Concern], now: datetime) -> bool:
        """Take up what is new, and forget what has been gone for long. True when there is something to be stored."""
        before = dict(self.entries), dict(self.pending)
        for topic, (mark, sent, seen) in before[0].items():
            if topic in present:
                if now - seen > _QUIET / 2:
                    self.entries[topic] = (mark, sent, now)
            elif now - seen > _QUIET:
                del self.entries[topic]
        for topic, (_, since) in before[1].items():
            if topic not in present and now - since > _QUIET:
                del self.pending[topic]
        for topic, concern in present.items():
            if not self.knows(concern) and self._pending_mark(topic) != concern.mark:
                self.pending[topic] = (concern.mark, now)
        return before != (self.entries, self.pending)

    def _pending_mark(self, topic: str) -> str | None:
        return self.pending[topic][0] if topic in self.pending else None


def _time(text: object) -> datetime:
    found = datetime.fromisoformat(str(text))
    if found.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return found
