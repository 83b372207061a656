"""An attempt's records as the rail reads them: strictly, because workers can write there too. A record that is not what
it should be is `Broken`, with the reason; it never hangs and never raises anything else."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from mosaic_rails.base import Cause, Ended, Order
from mosaic_rails.process import home, proc

_MAX_BYTES = 1 << 20


class Broken(Exception):
    """Raised when a record is missing or is not what the shim or the rail would have written."""


@dataclass(frozen=True, slots=True)
class Shim:
    """Who started an attempt, named so that a pid used again is not mistaken for it.

    Attributes:
        start: clock ticks after boot.
        since: when it started.
    """

    pid: int
    start: int
    boot_id: str
    since: datetime

    def alive(self) -> proc.Process | None:
        """The very same process, if it still runs."""
        found = proc.process(self.pid) if self.boot_id == proc.boot_id() else None
        return found if found and found.start == self.start and not found.gone else None


def shim(folder: home.Home) -> Shim:
    """Raises: Broken."""
    record = _read(folder, home.PID)
    return Shim(
        pid=_integer(record, "pid"),
        start=_integer(record, "start"),
        boot_id=_text(record, "boot_id"),
        since=_moment(record, "since"),
    )


def ended(folder: home.Home) -> Ended:
    """Raises: Broken."""
    record = _read(folder, home.EXIT)
    cause = _text(record, "cause")
    if cause not in set(Cause):
        raise Broken(f"{home.EXIT}: unknown cause {cause!r}")
    return Ended(
        cause=Cause(cause),
        exit_code=None if record.get("exit_code") is None else _integer(record, "exit_code"),
        signal=None if record.get("signal") is None else _integer(record, "signal"),
        detail=home.one_line(_text(record, "detail")),
        started_at=_moment(record, "started_at"),
        ended_at=_moment(record, "ended_at"),
        log=Path(folder.path, home.LOG),
        log_bytes=_integer(record, "bytes"),
    )


def write_order(folder: home.Home, order: Order) -> None:
    """Record what was offered, for people and for `offer` to be recognized; without the environment, which is secret.

    Raises:
        OSError: it cannot be written.
        ValueError: a limit is no finite number.
    """
    record = {
        "argv": order.argv,
        "cwd": str(order.cwd),
        "stdin": str(order.stdin) if order.stdin else None,
        "limits": asdict(order.limits),
    }
    fd = folder.create(home.ORDER)
    with os.fdopen(fd, "w") as file:
        json.dump(record, file, allow_nan=False, indent=2)
    folder.publish(home.ORDER)


def error_of_shim(folder: home.Home) -> str:
    """The last line of what a failing shim left behind; empty when it left nothing."""
    try:
        lines = _contents(folder, home.SHIM_ERROR).decode("utf-8", "replace").split("\n")
    except Broken:
        return ""
    return home.one_line(next((line for line in reversed(lines) if line.strip()), ""))


def _read(folder: home.Home, name: str) -> dict[str, object]:
    try:
        record = json.loads(_contents(folder, name).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Broken(f"{name} is not JSON: {error}") from None
    if not isinstance(record, dict):
        raise Broken(f"{name} is not a JSON object")
    return record


def _contents(folder: home.Home, name: str) -> bytes:
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder.fd)
    except OSError as error:
        raise Broken(f"{name} cannot be opened: {error.strerror}") from None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise Broken(f"{name} is not a regular file")
        data = os.read(fd, _MAX_BYTES + 1)  # whole: a regular file gives less only at its end
    finally:
        os.close(fd)
    if len(data) > _MAX_BYTES:
        raise Broken(f"{name} is larger than {_MAX_BYTES} bytes")
    return data


def _text(record: dict[str, object], key: str) -> str:
    value = record.get(key)
    if not isinstance(value, str):
        raise Broken(f"{key} is not a string")
    return value


def _integer(record: dict[str, object], key: str) -> int:
    value = record.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Broken(f"{key} is not a whole number")
    return value


def _moment(record: dict[str, object], key: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(record, key))
    except ValueError:
        raise Broken(f"{key} is not a time") from None
    if moment.tzinfo is None:
        raise Broken(f"{key} has no offset")
    return moment.astimezone(UTC)
