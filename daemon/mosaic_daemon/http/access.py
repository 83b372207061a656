"""Who may ask: the names the page is reached by, the token, sessions made of it, and proof against forged forms."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.ground.listening import Address
from mosaic_daemon.ground.secrets import Secret, token_from
from mosaic_daemon.ground.settings import HttpSettings

SESSION_SEC = 7 * 24 * 3600
WRONG_TOKEN_SEC = 0.2
"""How long a wrong token waits for its answer."""
_CREDENTIAL = "http-token"


@dataclass(frozen=True, slots=True)
class Access:
    """Everything that decides about a request.

    Attributes:
        hosts: what `Host` may say, in lower case. A page of somebody else's whose name was pointed here says another.
        cookie: the session's name. Browsers send a cookie to every port of a host, so each repository has its own.
    """

    token: Secret
    hosts: frozenset[str]
    cookie: str

    def knows(self, host: str) -> bool:
        return host.lower() in self.hosts

    def comes_from_here(self, origin: str) -> bool:
        """Whether a browser says that one of our own pages asks."""
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and self.knows(parts.netloc)

    def is_token(self, given: str) -> bool:
        """In constant time, whatever is given."""
        return _same(given, self.token.reveal())

    def has_bearer(self, headers: Mapping[str, str]) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self.is_token(given.strip())

    def new_session(self) -> str:
        """A session that ends by itself; it holds after a restart, and until the token changes."""
        body = f"{int(time.time()) + SESSION_SEC}.{secrets.token_urlsafe(16)}"
        return f"{body}.{self._mac('session', body)}"

    def session(self, headers: Mapping[str, str]) -> str:
        """The session that the browser sent; empty when it is none of ours or over."""
        for piece in headers.get("cookie", "").split(";"):
            name, _, value = piece.strip().partition("=")
            if name == self.cookie and self._is_session(value):
                return value
        return ""

    def form_key(self, session: str) -> str:
        """What a form of this session carries, so that nobody else's form can be taken for it."""
        return self._mac("form", session)

    def is_form_key(self, session: str, given: str) -> bool:
        return bool(session) and _same(given, self.form_key(session))

    def _is_session(self, value: str) -> bool:
        body, _, mac = value.rpartition(".")
        if not _same(mac, self._mac("session", body)):
            return False
        end = body.partition(".")[0]
        return end.isdigit() and int(end) > time.time()

    def _mac(self, purpose: str, text: str) -> str:
        return hmac.new(self.token.reveal().encode(), f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()


def access(layout: Layout, settings: HttpSettings, where: Address, port: int) -> Access:
    """Who may ask on this port.

    Raises:
        ConfigError: the token cannot be read.
    """
    digest = hashlib.sha256(str(layout.repo).encode()).hexdigest()[:12]
    return Access(token_of(layout, settings), frozenset(_hosts(settings, where, port)), f"mosaic-{digest}")


def token_of(layout: Layout, settings: HttpSettings) -> Secret:
    """The configured token, or the repository's own, which is made where there is none.

    Raises:
        ConfigError: it cannot be read, or others may read it.
    """
    given = token_from(settings.token_file.expanduser() if settings.token_file else None, (), _CREDENTIAL)
    if given is not None:
        return given
    own = layout.http_token
    if not own.exists():
        _write_once(own, secrets.token_urlsafe(32))
    token = token_from(own, (), _CREDENTIAL)
    assert token is not None  # noqa: S101  # a file is given
    return token


def _write_once(path: Path, token: str) -> None:
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:  # noqa: PTH123
        file.write(token + "\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)


def _hosts(settings: HttpSettings, where: Address, port: int) -> Iterable[str]:
    names = {"localhost", "127.0.0.1", "[::1]"} if where.is_loopback else set()
    names.add(str(Address(where.host, 0)).rpartition(":")[0])
    for name in names:
        yield f"{name}:{port}".lower()
        if port == 80:
            yield name.lower()
    for name in settings.hosts:
        yield name.lower()


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), wanted.encode())
