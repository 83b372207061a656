"""A provider's limit on one account holds all repositories of this user: each daemon tells of those that it met itself.

Looked at before each tick, so that nothing is started on an account that another daemon knows to be used up.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

from loguru import logger

from mosaic_daemon.ground import instances
from mosaic_daemon.ground.errors import MosaicError
from mosaic_daemon.ground.instances import Instance, Limited
from mosaic_daemon.nouns.events import RuntimeHeld
from mosaic_daemon.nouns.gate import Hold
from mosaic_daemon.parts import Parts
from mosaic_daemon.runtimes.accounts import account_of
from mosaic_daemon.runtimes.base import environment

_FOREIGN = "met in "
_LONGEST = timedelta(hours=6)


class Neighbours:
    """`repository`: whose daemon this is."""

    def __init__(self, repository: Path) -> None:
        self._repository = repository
        self._told: Instance | None = None
        self._seen_at = -1

    def take_in(self, parts: Parts) -> None:
        """Hold the runtimes whose account is limited elsewhere.

        Raises:
            LedgerError: it cannot be recorded.
        """
        if (changed_at := instances.changed_at()) == self._seen_at:
            return
        now = parts.clock.now()
        for instance in instances.read_all():
            if instance.repository != self._repository:
                for limited in instance.limited:
                    self._hold(parts, instance.repository, limited, now)
        self._seen_at = changed_at

    def tell(self, parts: Parts) -> None:
        """Let the others know; what cannot be written is told with the next tick."""
        holds = parts.ledger.system.holds
        accounts = _accounts(parts) if holds else {}
        limited = tuple(
            Limited(accounts[runtime], hold.reason, hold.until)
            for runtime, hold in sorted(holds.items())
            if hold.until is not None and runtime in accounts and not hold.reason.startswith(_FOREIGN)
        )
        if (instance := Instance(self._repository, limited)) == self._told:
            return
        try:
            instances.write(instance)
        except (OSError, MosaicError) as error:
            logger.debug("other repositories are not told: {}", error)
        else:
            self._told = instance

    def _hold(self, parts: Parts, where: Path, limited: Limited, now: datetime) -> None:
        until = min(limited.until, now + _LONGEST)
        for runtime, account in _accounts(parts).items():
            present = parts.ledger.system.holds.get(runtime)
            known = present is not None and (present.until is None or present.until >= until)
            if account == limited.account and until > now and not known:
                reason = f"{_FOREIGN}{where}: {limited.reason}"
                parts.ledger.append("", RuntimeHeld(runtime, Hold(reason, until)), at=now)


def _accounts(parts: Parts) -> dict[str, str]:
    """The account of each runtime that has one."""
    found = {}
    for name, runtime in parts.place.runtimes.items():
        program = runtime.command[0] if runtime.command else ""
        if account := account_of(program, environment(runtime, os.environ, {})):
            found[name] = account
    return found
