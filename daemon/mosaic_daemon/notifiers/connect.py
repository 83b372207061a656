"""From settings to notifiers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mosaic_daemon.ground.errors import ConfigError
from mosaic_daemon.ground.secrets import token_from
from mosaic_daemon.notifiers.base import Notifier
from mosaic_daemon.notifiers.matrix import Matrix
from mosaic_daemon.notifiers.programs import Command, Desktop
from mosaic_daemon.notifiers.webhook import Webhook

if TYPE_CHECKING:
    from mosaic_daemon.ground.settings import NotifySettings

_CREDENTIAL = "notify-secret"
_MATRIX_CREDENTIAL = "matrix-token"
_DESKTOP = ("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY")


def notifiers(settings: NotifySettings, env: Mapping[str, str], basic: Mapping[str, str]) -> tuple[Notifier, ...]:
    """Those that are configured.

    Args:
        env: the daemon's own environment. basic: what of it is handed to programs, without secrets.

    Raises:
        ConfigError: an address or a secret is wrong.
    """
    found: list[Notifier] = []
    if settings.command is not None:
        found.append(Command(settings.command, basic))
    if settings.webhook_url is not None:
        file = settings.webhook_secret_file
        secret = token_from(file.expanduser() if file else None, (), _CREDENTIAL, env)
        found.append(Webhook(settings.webhook_url, secret))
    elif settings.webhook_secret_file is not None:
        raise ConfigError("`notify.webhook_secret_file` is set, and `notify.webhook_url` is not")
    if (matrix := _matrix(settings, env)) is not None:
        found.append(matrix)
    if settings.desktop:
        session = {name: env[name] for name in _DESKTOP if name in env}
        found.append(Desktop({**basic, **session}))
    return tuple(found)


def _matrix(settings: NotifySettings, env: Mapping[str, str]) -> Matrix | None:
    homeserver, room, file = settings.matrix_homeserver, settings.matrix_room, settings.matrix_token_file
    if homeserver is None and room is None and file is None:
        return None
    if homeserver is None or room is None:
        missing = "matrix_homeserver" if homeserver is None else "matrix_room"
        raise ConfigError(f"`notify.{missing}` is not set", remedy="set it, or no `notify.matrix_` key at all")
    token = token_from(file.expanduser() if file else None, (), _MATRIX_CREDENTIAL, env)
    if token is None:
        remedy = f"set `notify.matrix_token_file`, or hand the daemon the systemd credential `{_MATRIX_CREDENTIAL}`"
        raise ConfigError("there is no token for `notify.matrix_room`", remedy=remedy)
    return Matrix(homeserver, room, token)
