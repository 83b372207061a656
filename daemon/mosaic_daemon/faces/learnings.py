"""`docs/tasks/orchestrator-learnings.json` on the base branch: what tasks taught about estimates.

It goes along with the table's commits. The file is people's as much as the daemon's: entries are added at its end, and
everything else in it stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from mosaic_daemon.ground import strictjson, templates
from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.nouns.record import Record
from mosaic_daemon.nouns.variance import Variance, learning
from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.store.ledger import Ledger

LEARNINGS = "docs/tasks/orchestrator-learnings.json"
_TEMPLATE = "orchestrator/orchestrator-learnings.json.template"
_KEY = "learnings"


class Learnings:
    """What is learnt and not yet on the base branch.

    Attributes:
        name: the file. problem: why it cannot be added to; empty while it can.
    """

    name = LEARNINGS

    def __init__(self, ledger: Ledger, clone: Clone, values: Mapping[str, str], folder: Path | None) -> None:
        """`values`, `folder`: of the template's variables, and where a person keeps templates of their own."""
        self._ledger = ledger
        self._clone = clone
        self._values = values
        self._folder = folder
        self._waiting: dict[tuple[str, int], Variance] = {}
        self._taken: tuple[tuple[str, int], ...] = ()
        self.problem = ""

    @property
    def is_waiting(self) -> bool:
        """There is something to be added."""
        return bool(self._waiting)

    def show(self, changed: Iterable[Record]) -> None:
        """Records as they are now."""
        for record in changed:
            variance = record.variance
            if variance is None or not variance.rating.is_learning:
                continue
            if self._ledger.memo(_memo(record.id)) != str(variance.attempts):
                self._waiting[record.id, variance.attempts] = variance

    async def files(self, base: str, now: datetime) -> dict[str, bytes]:
        """The file with what is learnt on top of the commit `base`; empty when nothing has to be written.

        Each end of a task is in it once, also when the daemon died after its commit had landed: an entry with the same
        task and time is there already.
        """
        if not self._waiting:
            return {}
        text = await self._clone.commits.read(base, LEARNINGS)
        try:
            document = self._new(now) if text is None else parsed(text)
        except InputError as error:
            self.problem = f"{error.line}; it is not touched, learnings wait until it is mended"
            return {}
        self.problem, self._taken = "", tuple(self._waiting)
        entries = entries_of(document)
        there = {(str(each.get("task_id")), str(each.get("captured_at"))) for each in entries if isinstance(each, dict)}
        new = [learning(task, variance) for (task, _), variance in self._waiting.items()]
        new = [each for each in new if (each["task_id"], each["captured_at"]) not in there]
        if not new:
            self.settle()
            return {}
        entries.extend(new)
        return {LEARNINGS: strictjson.dumps(document)}

    def settle(self) -> None:
        """What `files` gave last is on the base branch."""
        if self._taken:
            self._ledger.remember({_memo(task): str(attempts) for task, attempts in self._taken})
            for key in self._taken:
                self._waiting.pop(key, None)
            self._taken = ()

    def _new(self, now: datetime) -> Any:
        values = {**self._values, "CURRENT_DATETIME": now.isoformat(timespec="seconds")}
        return parsed(templates.fill(_TEMPLATE, values, folder=self._folder, strict=True).encode())


def parsed(text: bytes) -> Any:
    """The file's document: an object with a list `learnings`, or the list alone.

    Raises:
        InputError: it is neither; names the line where it is no JSON.
    """
    document = strictjson.loads(text, source=LEARNINGS)
    if isinstance(document, dict) and not isinstance(document.setdefault(_KEY, []), list):
        raise InputError(f"`{_KEY}` is no list", source=LEARNINGS, line_number=_line_of(text))
    if not isinstance(document, dict | list):
        raise InputError("is neither an object nor a list", source=LEARNINGS, line_number=1)
    return document


def entries_of(document: Any) -> list[Any]:
    """The entries of what `parsed` gave; people may have put anything there."""
    entries: list[Any] = document if isinstance(document, list) else document[_KEY]
    return entries


def _line_of(text: bytes) -> int:
    return text[: text.find(f'"{_KEY}"'.encode())].count(b"\n") + 1


def _memo(task: str) -> str:
    return f"learned:{task}"
