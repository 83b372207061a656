"""Reading JSON from outside: a value knows where it stands, so what is missing or wrong is named, never a KeyError."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from mosaic_daemon.ground.errors import Unavailable


class Value:
    """A piece of an answer. Whatever is missing reads as null; the accessors say what may be null."""

    __slots__ = ("_path", "_raw", "_where")

    def __init__(self, raw: Any, where: str, path: str = "") -> None:
        self._raw = raw
        self._where = where
        self._path = path

    def __getitem__(self, name: str) -> Value:
        inner = self._raw.get(name) if isinstance(self._raw, dict) else None
        return Value(inner, self._where, f"{self._path}.{name}" if self._path else name)

    def __iter__(self) -> Iterator[Value]:
        """The items of a list; null has none, as some forges write an empty list that way."""
        if self._raw is None:
            return
        if not isinstance(self._raw, list):
            raise self._wrong("a list")
        for index, item in enumerate(self._raw):
            yield Value(item, self._where, f"{self._path}[{index}]")

    @property
    def missing(self) -> bool:
        return self._raw is None

    @property
    def text(self) -> str:
        """A text; null is the empty one."""
        if self._raw is None:
            return ""
        if not isinstance(self._raw, str):
            raise self._wrong("a text")
        return self._raw

    @property
    def word(self) -> str:
        """A text that has to be there."""
        if not isinstance(self._raw, str) or not self._raw:
            raise self._wrong("a text")
        return self._raw

    @property
    def number(self) -> int:
        """A whole number that has to be there."""
        if isinstance(self._raw, bool) or not isinstance(self._raw, int):
            raise self._wrong("a whole number")
        return self._raw

    @property
    def flag(self) -> bool | None:
        """Yes, no, or null."""
        if self._raw is not None and not isinstance(self._raw, bool):
            raise self._wrong("true or false")
        return self._raw

    @property
    def time(self) -> datetime | None:
        """A time; null, and a zero time such as Gitea writes for `never`, are None."""
        if not isinstance(self._raw, str):
            return None
        try:
            time = datetime.fromisoformat(self._raw)
        except ValueError:
            return None
        if time.year <= 1970:
            return None
        return time if time.tzinfo else time.replace(tzinfo=UTC)

    def _wrong(self, wanted: str) -> Unavailable:
        found = json.dumps(self._raw, ensure_ascii=False)[:60]
        return Unavailable(
            f"the answer is not as it should be: `{self._path or 'it'}` is {found} and not {wanted}", where=self._where
        )


def parsed(text: str, where: str) -> Value:
    """Raises Unavailable when it is no JSON: something other than the API answered."""
    try:
        return Value(json.loads(text), where)
    except (ValueError, RecursionError):
        said = " ".join(text.split())[:80] or "nothing"
        raise Unavailable(f"the answer is no JSON: {said}", where=where) from None
