"""Values to JSON text and back, for the ledger's rows. Times are ISO 8601 in UTC."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from mosaic_daemon.nouns.events import Event
from mosaic_daemon.nouns.record import Record
from mosaic_daemon.nouns.system import System


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def dump_record(record: Record) -> str:
    return _adapter(Record).dump_json(record).decode()


def load_record(text: str) -> Record:
    record: Record = _adapter(Record).validate_json(text)
    return record


def dump_event(event: Event) -> str:
    return _adapter(_TaggedEvent).dump_json(event).decode()


def load_event(text: str) -> Event:
    event: Event = _adapter(_TaggedEvent).validate_json(text)
    return event


def dump_system(system: System) -> str:
    return _adapter(System).dump_json(system).decode()


def load_system(text: str) -> System:
    system: System = _adapter(System).validate_json(text)
    return system


_TaggedEvent = Annotated[Event, Field(discriminator="kind")]
