"""How people are told, and where they look."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from mosaic_daemon.ground.settings.group import Group


class NotifySettings(Group):
    """How a person is told that the work cannot go on without them; see docs/escalation.md."""

    command: tuple[str, ...] | None = Field(default=None, examples=[["mail", "-s", "{subject}", "me@example.org"]])
    """Argv template, never given to a shell: the message comes on its standard input; `{subject}`, `{topic}`, `{task}`
    and `{repository}` are filled in."""

    webhook_url: str | None = Field(default=None, examples=["https://chat.example.org/hooks/orchestrator"])
    """Where the message is posted as JSON."""

    webhook_secret_file: Path | None = Field(default=None, examples=["~/.config/mosaic/notify-secret"])
    """A file with the secret that signs what is posted, readable by you alone. Left out: the systemd credential
    `notify-secret`, or no signature."""

    matrix_homeserver: str | None = Field(default=None, examples=["https://matrix.example.org"])
    """A Matrix homeserver: where its client-server API is."""

    matrix_room: str | None = Field(default=None, examples=["!abcdef:example.org"])
    """The id of the room where the message is sent; the token's user has joined it, and it is not encrypted."""

    matrix_token_file: Path | None = Field(default=None, examples=["~/.config/mosaic/matrix-token"])
    """A file with the user's access token, readable by you alone. Left out: the systemd credential `matrix-token`."""

    desktop: bool = False
    """Show it with `notify-send`, where that is installed."""

    @field_validator("command")
    @classmethod
    def _not_empty(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and not (value and value[0]):
            raise ValueError("an empty command; leave the key out to have none")
        return value


class HttpSettings(Group):
    """The status page, the API and the metrics; see docs/http.md."""

    listen: str | None = Field(default=None, examples=["127.0.0.1:8800"])
    """Address and port to listen on. Left out: nothing is served."""

    token_file: Path | None = Field(default=None, examples=["~/.config/mosaic/http-token"])
    """A file with the token to ask for, readable by you alone. Left out: the systemd credential `http-token`, or one of
    the repository's own, made in `.mosaic/orchestrator/http-token`."""

    hosts: tuple[str, ...] = Field(default=(), examples=[["mosaic.example.org"]])
    """Names under which it is reached besides `listen` and `localhost`: what a proxy passes on as `Host`."""

    any_address: bool = False
    """Let `listen` be more than loopback. There is no TLS: put a proxy with it in front."""
