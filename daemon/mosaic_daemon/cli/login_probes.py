"""What `doctor` finds of agents' accounts: whether one is logged in, as far as files and the environment tell.

No agent is started: that may cost tokens, or ask.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mosaic_daemon.cli.probes import Finding


def login(runtime: str, program: str, env: Mapping[str, str]) -> Finding | None:
    """Of a runtime by what its program is called; None for one that needs no account, or an unknown one.

    Args:
        env: what a worker of it gets.
    """
    from mosaic_daemon.runtimes.accounts import LOGINS

    known = LOGINS.get(Path(program).name)
    if known is None:
        return None
    name = f"login {runtime}"
    if variable := known.variable(env):
        return Finding(name, True, f"${variable}")
    folder = known.folder(env)
    if file := next((folder / each for each in known.files if os.access(folder / each, os.R_OK)), None):
        return Finding(name, True, str(file))
    detail = f"none was found in {folder} or in the environment that its workers get"
    return Finding(name, False, detail, f"`{known.command}`, or set ${known.variables[0].lstrip('*_')}", warning=True)
