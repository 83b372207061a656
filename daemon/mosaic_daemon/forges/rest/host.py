"""Where an API is, whose token it is asked with, and what it is trusted for."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from mosaic_daemon.forges.rest.pace import Budget
from mosaic_daemon.ground.errors import ConfigError
from mosaic_daemon.ground.secrets import Secret, redact


@dataclass(frozen=True, slots=True)
class Host:
    """Where the API is and how it wants to be asked.

    Attributes:
        api: what every path is added to: `https://git.example/api/v1`.
        token: None for what anybody may read.
        scheme: what stands before the token in its header: `Bearer `, `token `.
        headers: sent with every request.
        counted_pages: see `next_page`.
        ca_file: certificates to trust besides the usual ones.
        silence_sec: so long without a byte, and a request is given up; a whole answer may take twice that.
    """

    api: str
    budget: Budget
    token: Secret | None = None
    auth_header: str = "Authorization"
    scheme: str = "Bearer "
    headers: Mapping[str, str] = field(default_factory=dict)
    counted_pages: bool = False
    ca_file: Path | None = None
    silence_sec: float = 30.0

    def __post_init__(self) -> None:
        """Raises ConfigError when the address cannot be one."""
        try:
            url = httpx.URL(self.api)
        except httpx.InvalidURL:
            url = httpx.URL("")
        if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query:
            raise ConfigError(
                f"`{redact(self.api)}` is no address of an API", remedy="write https://HOST, without a user"
            )

    @property
    def name(self) -> str:
        return httpx.URL(self.api).host

    def trust(self) -> ssl.SSLContext:
        if self.ca_file is None:
            return _usual_trust()
        context = httpx.create_ssl_context()
        try:
            context.load_verify_locations(cafile=str(self.ca_file))
        except OSError as error:
            raise ConfigError(f"no certificates in it: {error}", source=str(self.ca_file)) from None
        return context


@functools.cache
def _usual_trust() -> ssl.SSLContext:
    """Made once: reading all the usual certificates takes its time."""
    return httpx.create_ssl_context()
