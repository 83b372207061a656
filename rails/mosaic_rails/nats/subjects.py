"""Subjects and names: who speaks to whom about what is in the subject, where the server's permissions can see it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mosaic_rails.base import RailError

DEFAULT_POOL = "default"
_POOL_LABEL = "pool="
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_=@:+-]{0,63}")


def checked(token: str, what: str) -> str:
    """A name that may stand between two dots of a subject and be a consumer's.

    Raises:
        RailError: it may not.
    """
    if not _TOKEN.fullmatch(token):
        raise RailError(f"{token!r} cannot be {what} on NATS: letters, digits and `_=@:+-`, at most 64, no dots")
    return token


def pool_label(pool: str) -> str:
    """What a worker of a pool has among its labels."""
    return f"{_POOL_LABEL}{pool}"


def pool_of(labels: Iterable[str], otherwise: str) -> str:
    """The pool that an offer goes to: the one that a label `pool=…` names."""
    named = (label.removeprefix(_POOL_LABEL) for label in labels if label.startswith(_POOL_LABEL))
    return next((pool for pool in named if _TOKEN.fullmatch(pool)), otherwise)


@dataclass(frozen=True, slots=True)
class Subjects:
    """All of them under one prefix, a single token."""

    prefix: str = "mosaic"

    def __post_init__(self) -> None:
        checked(self.prefix, "a prefix")

    @property
    def offers_stream(self) -> str:
        return f"{self.prefix}_OFFERS".upper()

    @property
    def up_stream(self) -> str:
        return f"{self.prefix}_UP".upper()

    @property
    def all_offers(self) -> str:
        return f"{self.prefix}.offer.>"

    @property
    def all_up(self) -> str:
        return f"{self.prefix}.up.>"

    def offer(self, pool: str, daemon: str, attempt: str) -> str:
        return f"{self.prefix}.offer.{pool}.{daemon}.{_as_token(attempt)}"

    def offers_in(self, pool: str) -> str:
        return f"{self.prefix}.offer.{pool}.>"

    def offers_of(self, daemon: str) -> str:
        return f"{self.prefix}.offer.*.{daemon}.>"

    def up(self, daemon: str, worker: str, attempt: str, kind: str) -> str:
        return f"{self.prefix}.up.{daemon}.{worker}.{_as_token(attempt)}.{kind}"

    def up_to(self, daemon: str) -> str:
        return f"{self.prefix}.up.{daemon}.>"

    def down(self, worker: str, daemon: str) -> str:
        return f"{self.prefix}.down.{worker}.{daemon}"

    def down_to(self, worker: str) -> str:
        return f"{self.prefix}.down.{worker}.*"

    def sender(self, subject: str) -> str:
        """Who sent a message: the fourth part of all three kinds of subject, and nobody else may publish there."""
        return subject.split(".")[3]


def _as_token(attempt: str) -> str:
    """No attempt's name has a slash, so that no two become one."""
    return attempt.replace(".", "/")
