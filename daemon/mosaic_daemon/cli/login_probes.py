"""What `doctor` finds of agents' accounts: whether one is logged in, as far as files and the environment tell.

No agent is started: that may cost tokens, or ask.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mosaic_daemon.cli.probes import Finding


@dataclass(frozen=True, slots=True)
class Login:
    """Attributes:
    variables: any one of these is a login. `*` at the start stands for anything.
    home: the variable that moves its folder, and the folder.
    files: any one of these in its folder is a login.
    command: logs in.
    """

    variables: tuple[str, ...]
    home: tuple[str, str]
    files: tuple[str, ...]
    command: str


_LOGINS = {
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
        ("*_API_KEY",),
        ("XDG_DATA_HOME", "~/.local/share"),
        ("opencode/auth.json",),
        "opencode auth login",
    ),
}


def login(runtime: str, program: str, env: Mapping[str, str]) -> Finding | None:
    """Of a runtime by what its program is called; None for one that needs no account, or an unknown one.

    Args:
        env: what a worker of it gets.
    """
    known = _LOGINS.get(Path(program).name)
    if known is None:
        return None
    name = f"login {runtime}"
    if variable := next((each for each in env if env[each] and _is_one_of(each, known.variables)), None):
        return Finding(name, True, f"${variable}")
    folder = Path(env.get(known.home[0]) or known.home[1]).expanduser()
    if file := next((folder / each for each in known.files if os.access(folder / each, os.R_OK)), None):
        return Finding(name, True, str(file))
    detail = f"none was found in {folder} or in the environment that its workers get"
    return Finding(name, False, detail, f"`{known.command}`, or set ${known.variables[0].lstrip('*_')}", warning=True)


def _is_one_of(name: str, patterns: tuple[str, ...]) -> bool:
    return any(name == each or (each.startswith("*") and name.endswith(each[1:])) for each in patterns)
