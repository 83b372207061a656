"""The error tree. It answers two questions: may it be tried again, and what should the reader do?

    MosaicError                 what happened, where, what to do          exit 1
    ├── InputError              a file or value people gave is wrong      exit 78
    │   └── ConfigError         a setting is wrong                        exit 78
    ├── Refused                 a request that the rules do not allow     exit 1
    ├── AnotherInstance         the repository is held by another daemon  exit 4
    ├── Unavailable             not now; the same call may work later     exit 75
    └── LedgerError             the ledger cannot be trusted; stop        exit 1

Programming errors are not part of it: they propagate.
"""

from __future__ import annotations

import errno
from datetime import datetime


class MosaicError(Exception):
    """Something failed and a person should know.

    Attributes:
        problem: what happened, one sentence without a full stop.
        where: file, line, task or command; empty when the problem names it.
        remedy: what to do; empty when nothing can be advised.
    """

    exit_code = 1

    def __init__(self, problem: str, *, where: str = "", remedy: str = "") -> None:
        self.problem = problem
        self.where = where
        self.remedy = remedy
        super().__init__(self.line)

    @property
    def line(self) -> str:
        """The whole message on one line: `where: problem; remedy`."""
        text = f"{self.where}: {self.problem}" if self.where else self.problem
        return f"{text}; {self.remedy}" if self.remedy else text


class InputError(MosaicError):
    """A file or a value that people or tools gave is wrong.

    Attributes:
        line_number: first wrong line, counted from 1, or None.
        column: first wrong column in that line, counted from 1, or None.
    """

    exit_code = 78

    def __init__(
        self,
        problem: str,
        *,
        source: str = "",
        line_number: int | None = None,
        column: int | None = None,
        remedy: str = "",
    ) -> None:
        self.line_number = line_number
        self.column = column
        where = source
        if line_number is not None:
            where += f":{line_number}" + (f":{column}" if column is not None else "")
        super().__init__(problem, where=where, remedy=remedy)


class ConfigError(InputError):
    """A setting is unknown, missing, or has a value that cannot work."""


class Refused(MosaicError):
    """A request that the rules do not allow: nothing was changed."""


class AnotherInstance(MosaicError):
    """Another daemon holds this repository."""

    exit_code = 4


class Unavailable(MosaicError):
    """Not possible now; the same call may work later.

    Attributes:
        until: before then asking again is useless; None when nobody knows.
    """

    exit_code = 75

    def __init__(self, problem: str, *, where: str = "", remedy: str = "", until: datetime | None = None) -> None:
        self.until = until
        super().__init__(problem, where=where, remedy=remedy)


class LedgerError(MosaicError):
    """The ledger is unreadable, newer than this program, or contradicts itself. Nothing may be guessed from it."""


def is_full_disk(error: BaseException) -> bool:
    """Whether it, or the program it tells of, failed because the disk is full: a matter of time, nobody's fault."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    said = f"{error} {getattr(error, 'stderr', '')}"
    return "No space left on device" in said or "Disk quota exceeded" in said
