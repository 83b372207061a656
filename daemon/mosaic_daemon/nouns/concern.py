"""Something only a person can move: what, why, what was tried, and the choices. One message says all of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    """

    topic: str
    what: str
    why: str
    choices: tuple[str, ...]
    tried: tuple[str, ...] = ()
    mark: str = ""
    task: str = ""

    @property
    def delivery(self) -> str:
        """The same for the same call, however often it is sent: receivers may drop the second."""
        return hashlib.sha256(f"{self.topic}\0{self.mark}".encode()).hexdigest()[:16]

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
    mark = "\0".join(sorted(f"{each.topic}\0{each.mark}" for each in concerns))
    return Concern("several", f"{len(concerns)} things need a person", why, (choice,), mark=mark)


@dataclass(slots=True)
class Told:
    """Which calls were sent, so that each is sent once, whatever happens to the daemon in between.

    One that was taken back and comes back in the same words within half an hour is not told again.

    Attributes:
        entries: per topic the mark, when it was sent, and when it was last there.
    """

    entries: dict[str, tuple[str, datetime, datetime]] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str | None) -> Told:
        """What `text` kept; a damaged text is as good as none: too much is told rather than too little."""
        try:
            kept = {
                str(topic): (str(mark), _time(sent), _time(seen))
                for topic, (mark, sent, seen) in json.loads(text or "{}").items()
            }
        except (ValueError, TypeError, AttributeError):
            return cls()
        return cls(kept)

    def text(self) -> str:
        shown = {
            topic: [mark, sent.isoformat(), seen.isoformat()] for topic, (mark, sent, seen) in self.entries.items()
        }
        return json.dumps(shown)

    def knows(self, concern: Concern) -> bool:
        return concern.topic in self.entries and self.entries[concern.topic][0] == concern.mark

    def note(self, concern: Concern, now: datetime) -> None:
        self.entries[concern.topic] = (concern.mark, now, now)

    def keep(self, present: Mapping[str, Concern], now: datetime) -> bool:
        """Forget what has been gone for long. True when there is something to be stored."""
        stored = dict(self.entries)
        for topic, (mark, sent, seen) in stored.items():
            if topic in present:
                if now - seen > _QUIET / 2:
                    self.entries[topic] = (mark, sent, now)
            elif now - seen > _QUIET:
                del self.entries[topic]
        return stored != self.entries


def _time(text: object) -> datetime:
    found = datetime.fromisoformat(str(text))
    if found.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return found
