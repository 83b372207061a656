"""Tokens: where they come from, and how they stay out of everything that is written.

Whatever was made a `Secret` is known to `redact` by its value, so it is masked wherever it turns up: in a log line, in
an error text of a library, in what a forge says. Names of headers and settings do not matter.
"""

from __future__ import annotations

import base64
import json
import os
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from mosaic_daemon.ground.errors import ConfigError

MASK = "***"

_SHORTEST = 8
_MOST_BYTES = 4096
_forms: set[str] = set()
_pattern: re.Pattern[str] | None = None


class Secret:
    """A value that is not printed by accident; `reveal` is for the one place that sends it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        register(value)
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return f"Secret('{MASK}')"

    def __str__(self) -> str:
        return MASK

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret is not written anywhere")


def register(value: str) -> None:
    """Mask this value from now on: as it is, percent-encoded, in JSON, and in base64, alone or inside `user:value`."""
    global _pattern  # noqa: PLW0603  # one registry per process is the point: no writer can forget to ask
    if not value:
        return
    _forms.update(_written(value))
    longest_first = sorted(_forms, key=len, reverse=True)
    _pattern = re.compile("|".join(re.escape(form) for form in longest_first))


def redact(text: str) -> str:
    """The text with every registered value masked."""
    return text if _pattern is None else _pattern.sub(MASK, text)


def _written(value: str) -> set[str]:
    percent = quote(value, safe="")
    lower = re.sub(r"%[0-9A-F]{2}", lambda code: code.group().lower(), percent)
    forms = {value, percent, lower, json.dumps(value)[1:-1]}
    raw = value.encode()
    if len(raw) >= _SHORTEST:
        for before in range(3):
            core = _base64_core(raw, before)
            forms |= {core, core.replace("+", "-").replace("/", "_")}
    return forms


def _base64_core(raw: bytes, before: int) -> str:
    """The base64 characters that depend on `raw` alone when so many bytes, modulo 3, stand before it."""
    text = base64.b64encode(bytes(before) + raw).decode()
    first = (before * 8 + 5) // 6
    last = (before + len(raw)) * 8 // 6
    return text[first:last]


def token_from(
    file: Path | None, variables: Sequence[str], credential: str, env: Mapping[str, str] = os.environ
) -> Secret | None:
    """The token from its file, else from the systemd credential of that name, else from the first variable set.

    Raises:
        ConfigError: the place exists and holds nothing that can be a token, or others may read it.
    """
    if file is not None:
        return _from_file(file)
    folder = env.get("CREDENTIALS_DIRECTORY")
    if folder and (path := Path(folder) / credential).exists():
        return _from_file(path)
    for name in variables:
        if env.get(name):
            return _checked(env[name], f"${name}")
    return None


def _from_file(path: Path) -> Secret:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(_MOST_BYTES + 1).decode("ascii")
    except OSError as error:
        raise ConfigError(f"the token cannot be read: {error.strerror}", source=str(path)) from None
    except UnicodeDecodeError:
        raise ConfigError("the token holds other characters than ASCII", source=str(path)) from None
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise ConfigError("everybody may read or change the token", source=str(path), remedy=f"chmod 600 {path}")
    return _checked(text, str(path))


def _checked(text: str, source: str) -> Secret:
    value = text.strip()
    if not re.fullmatch(rf"[!-~]{{{_SHORTEST},{_MOST_BYTES}}}", value):
        raise ConfigError(
            "this is no token",
            source=source,
            remedy=f"it has to be one word of {_SHORTEST} or more ASCII characters and nothing else",
        )
    return Secret(value)
