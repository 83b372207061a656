"""Where a repository is on its forge: told by the settings, or by the address of the origin."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from mosaic_daemon.ground.errors import ConfigError

_SCP = re.compile(r"(?:[^@/]+@)?(?P<host>[^:/]+):(?!//)(?P<path>.+)")


@dataclass(frozen=True, slots=True)
class Remote:
    """`server`: `https://git.example.org`; `repo`: `owner/name`, with groups where the forge has them."""

    server: str
    repo: str


def remote_of(origin: str, server: str | None, repo: str | None) -> Remote:
    """What the settings say, and what they leave out from the origin's address.

    Raises:
        ConfigError: something is missing, and the address does not tell.
    """
    found_server, found_repo = _parsed(origin)
    server, repo = server or found_server, repo or found_repo
    missing = [key for key, value in (("forge.url", server), ("forge.repo", repo)) if not value]
    if missing or server is None or repo is None:
        names = " and ".join(f"`{key}`" for key in missing)
        raise ConfigError(f"the origin `{origin}` does not tell where the forge is", remedy=f"set {names}")
    if not re.fullmatch(r"[\w.-]+(?:/[\w.-]+)+", repo):
        raise ConfigError(f"`forge.repo` is `{repo}`", remedy="write it as owner/name")
    return Remote(server.rstrip("/"), repo)


def _parsed(origin: str) -> tuple[str | None, str | None]:
    url = urlsplit(origin)
    if url.scheme in ("http", "https") and url.hostname:
        port = f":{url.port}" if url.port else ""
        return f"{url.scheme}://{url.hostname}{port}", _name(url.path)
    if url.scheme in ("ssh", "git", "git+ssh") and url.hostname:
        return f"https://{url.hostname}", _name(url.path)
    if not url.scheme and (scp := _SCP.fullmatch(origin)):
        return f"https://{scp['host']}", _name(scp["path"])
    return None, None


def _name(path: str) -> str | None:
    return path.strip("/").removesuffix(".git") or None
