"""Settings that do not go together."""

from __future__ import annotations

from mosaic_daemon.app.agents import runtimes
from mosaic_daemon.forges.rest.webhook import door_of
from mosaic_daemon.ground.errors import ConfigError
from mosaic_daemon.ground.listening import permitted
from mosaic_daemon.ground.settings import Settings


def check(settings: Settings) -> None:
    """Settings that are valid one by one and cannot work together.

    Raises:
        ConfigError: names the keys.
    """
    door_of(settings.forge)
    if settings.http.listen is not None:
        permitted(settings.http.listen, "http.listen", anywhere=settings.http.any_address)
    is_internal = settings.forge.provider == "internal"
    if is_internal and settings.gate.ci == "required" and settings.gate.ci_command is None:
        raise ConfigError(
            "`gate.ci` is `required`, and `gate.ci_command` names no command", remedy="set `gate.ci_command`"
        )
    reviewer = settings.review.runtime
    if reviewer and (reviewer == "shell" or reviewer not in runtimes(settings.runtimes)):
        raise ConfigError(f"`review.runtime` is `{reviewer}`, which is no agent that is configured")
    if settings.tracking.commit in ("pr", "local"):
        raise ConfigError(f"`tracking.commit` is `{settings.tracking.commit}`, which this version does not have yet")
    if settings.run.delegation == "matrix":
        raise ConfigError("`run.delegation` is `matrix`, and this version does not have it yet")
    if settings.run.delegation == "nats" and settings.rails.nats.url is None:
        raise ConfigError("`run.delegation` is `nats`, and `rails.nats.url` names no server", remedy="set it")
