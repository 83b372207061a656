"""The notifier port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One call for a person, with every secret masked.

    Attributes:
        subject: one line. text: all of it. document: the same as JSON values.
    """

    subject: str
    text: str
    document: Mapping[str, Any]


class Notifier(Protocol):
    """`name`: for people, as in `the webhook`."""

    @property
    def name(self) -> str: ...

    async def send(self, message: Message) -> None:
        """Returns when it is delivered.

        Raises:
            Unavailable: it is not, and may be another time; the message says why.
        """
