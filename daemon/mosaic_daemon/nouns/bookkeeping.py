"""What every task keeps count of, whatever happens to it: tries, tokens, notes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mosaic_daemon.nouns.attempt import LIMITED, Failure
from mosaic_daemon.nouns.record import Record

_MOST_NOTES = 20


def counted(record: Record, failure: Failure, used: int | None) -> Record:
    """One more failure of its class, with a note of it."""
    before = {kind: count for kind, count in record.tries.items() if kind != LIMITED}
    tries = {**before, failure.kind.value: record.tries.get(failure.kind.value, 0) + 1}
    note = f"{failure.step}: {failure.message}" + (f" | {failure.command}" if failure.command else "")
    return replace(spent(record, used), tries=tries, last_failure=failure, notes=noted(record, note))


def spent(record: Record, used: int | None) -> Record:
    """Tokens are added up; None: nothing was reported."""
    return record if used is None else replace(record, used=(record.used or 0) + used)


def all_noted(record: Record, notes: Iterable[str]) -> tuple[str, ...]:
    """The notes with these as well."""
    for note in notes:
        record = replace(record, notes=noted(record, note))
    return record.notes


def noted(record: Record, note: str) -> tuple[str, ...]:
    """Notes with one more, without immediate repeats; the oldest go first when there are many."""
    line = " ".join(note.split())
    if not line or (record.notes and record.notes[-1] == line):
        return record.notes
    return (*record.notes, line)[-_MOST_NOTES:]
