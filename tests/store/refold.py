"""State told from the event log alone, by the fold and nothing else."""

from __future__ import annotations

from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.fold import advance
from mosaic_daemon.nouns.fold_system import advance_system
from mosaic_daemon.nouns.record import Record
from mosaic_daemon.nouns.system import System
from mosaic_daemon.store.base import Journal


def refolded(journal: Journal) -> tuple[dict[str, Record], System]:
    """Every record and the repository's row, from the first event on."""
    records: dict[str, Record] = {}
    system = System()
    for _, entry in journal.entries():
        match entry.event:
            case event if isinstance(event, ev.SystemEvent):
                system = advance_system(system, event, entry.at)
            case ev.ResultRejected() if not entry.task:
                pass
            case event:
                records[entry.task] = advance(records.get(entry.task), event, entry.at)
    return records, system
