"""The configuration of the daemon's own clone: its fixed part, and what the network needs of the person's.

It is written as a whole when the daemon starts, before any worker runs, and into a file: an address may hold a
password, and a command line can be read by everybody.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import anyio

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.ground.git import environment

_NETWORK_KEYS = r"^(credential|url|http|https|ssh)\.|^core\.(sshcommand|gitproxy)$|^remote\.origin\.pushurl$"
_OF_EVERY_REPOSITORY = "core.repositoryformatversion"
_FIXED = (
    ("core.repositoryformatversion", "0"),
    ("core.bare", "true"),
    ("core.logallrefupdates", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("transfer.fsckobjects", "true"),
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who commits, as `user.name` and `user.email` of the person's repository say."""

    name: str = "mosaic-orchestrator"
    email: str = "mosaic-orchestrator@localhost"

    def __post_init__(self) -> None:
        for text in (self.name, self.email):
            if any(sign in text for sign in "\n<>"):
                raise InputError(f"{text!r} cannot stand in a commit", source="user.name, user.email")

    def environment(self) -> dict[str, str]:
        return {
            "GIT_AUTHOR_NAME": self.name,
            "GIT_AUTHOR_EMAIL": self.email,
            "GIT_COMMITTER_NAME": self.name,
            "GIT_COMMITTER_EMAIL": self.email,
        }


@dataclass(frozen=True, slots=True)
class PersonsConfiguration:
    """What the daemon takes over from the person's git.

    Attributes:
        origin: where `remote.origin.url` leads; None without an origin.
        network: keys and values for credentials, proxies and ssh, in their order.
    """

    origin: str | None
    identity: Identity
    network: tuple[tuple[str, str], ...]

    @classmethod
    async def read(cls, root: Path) -> PersonsConfiguration:
        """Read it as the person's own git sees it.

        Raises:
            InputError: `root` is not a git repository, or git refuses to look at it.
        """
        pattern = rf"{_NETWORK_KEYS}|^remote\.origin\.url$|^user\.(name|email)$|^{_OF_EVERY_REPOSITORY}$"
        found = await _config(root, "--null", "--get-regexp", pattern)
        parts = (item.partition("\n") for item in found.split("\0") if item)
        pairs = [(key, value if has_value else "true") for key, has_value, value in parts]
        single = dict(pairs)
        if _OF_EVERY_REPOSITORY not in single:
            raise InputError(
                "this is not a git repository, or git refuses to look at it",
                source=str(root),
                remedy=f"`git -C {shlex.quote(str(root))} status` says why",
            )
        name, email = single.get("user.name"), single.get("user.email")
        origin = single.get("remote.origin.url")
        return cls(
            origin=_absolute(origin, root) if origin else None,
            identity=Identity(name, email) if name and email else Identity(),
            network=tuple(pair for pair in pairs if re.match(_NETWORK_KEYS, pair[0])),
        )

    def text(self, url: str) -> str:
        """A git configuration file in which `origin` is `url`."""
        pairs = (*_FIXED, ("remote.origin.url", url), *self.network)
        return "".join(_line(key, value) for key, value in pairs)


def persons_environment() -> dict[str, str]:
    """For git as the person has it, with their own configuration; still without prompts and optional locks."""
    dropped = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM")
    return {name: value for name, value in environment().items() if name not in dropped}


def quoted(value: object) -> str:
    """A value as git's configuration files want it."""
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def without_password(url: str) -> str:
    """An address that may be shown."""
    return re.sub(r"(?<=://)[^/@]*@", "", url)


def _line(key: str, value: str) -> str:
    section, _, rest = key.partition(".")
    subsection, _, name = rest.rpartition(".")
    head = f"[{section} {quoted(subsection)}]" if subsection else f"[{section}]"
    return f"{head}\n\t{name} = {quoted(value)}\n"


async def _config(root: Path, *args: str) -> str:
    command = ["git", "-C", str(root), "config", *args]
    done = await anyio.run_process(command, check=False, env=persons_environment())
    if done.returncode in (0, 1):
        return done.stdout.decode("utf-8", "replace").rstrip("\n")
    raise InputError(done.stderr.decode("utf-8", "replace").strip() or "git cannot read it", source=str(root))


def _absolute(url: str, root: Path) -> str:
    """A relative path as origin is relative to the repository."""
    if "://" in url or re.match(r"[^/]+:", url) or url.startswith("/"):
        return url
    return str((root / Path(url).expanduser()).resolve())
