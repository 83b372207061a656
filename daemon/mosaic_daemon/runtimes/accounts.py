"""Agents' accounts: what logs one in, and which workers share one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Login:
    """What logs an agent in.

    Attributes:
        variables: any one of these is a login; `*` at the start stands for anything.
        home: the variable that moves its folder, and the folder.
        files: any one of these in its folder is a login.
        command: logs in.
    """

    variables: tuple[str, ...]
    home: tuple[str, str]
    files: tuple[str, ...]
    command: str

    def folder(self, env: Mapping[str, str]) -> Path:
        return Path(env.get(self.home[0]) or self.home[1]).expanduser()

    def variable(self, env: Mapping[str, str]) -> str | None:
        """The first variable of this environment that is a login."""
        return next((name for name in sorted(env) if env[name] and self._is_one(name)), None)

    def _is_one(self, name: str) -> bool:
        return any(name == each or (each.startswith("*") and name.endswith(each[1:])) for each in self.variables)


LOGINS: Mapping[str, Login] = {
    "claude": Login(
        (
            *("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
            *("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY"),
        ),
        ("CLAUDE_CONFIG_DIR", "~/.claude"),
        (".credentials.json",),
        "claude",
    ),
    "codex": Login(("OPENAI_API_KEY", "CODEX_API_KEY"), ("CODEX_HOME", "~/.codex"), ("auth.json",), "codex login"),
    "opencode": Login(
        ("*_API_KEY",), ("XDG_DATA_HOME", "~/.local/share"), ("opencode/auth.json",), "opencode auth login"
    ),
}


def account_of(program: str, env: Mapping[str, str]) -> str | None:
    """A name for the account that a program uses, the same in every repository; None where it is not known to have one.

    A key is not in it, only what tells it from others.

    Args:
        program: as it is called.
        env: what a worker of it gets.
    """
    name = Path(program).name
    login = LOGINS.get(name)
    if login is None:
        return None
    variable = login.variable(env)
    secret = env[variable] if variable else str(login.folder(env))
    return f"{name}:{hashlib.sha256(secret.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"
