"""Every failpoint's name, read from the source: none can be added without being hit."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import mosaic_daemon
from mosaic_daemon.nouns.gate import Step
from mosaic_daemon.nouns.release import ReleaseStep

_ACTING = (Step.PR, Step.MERGE, Step.CLOSE)
EXPANDED = {
    "f'gate.{step}.recorded'": tuple(f"gate.{step}.recorded" for step in Step),
    "f'gate.{gate.step}.before-act'": tuple(f"gate.{step}.before-act" for step in _ACTING),
    "f'release.{step}.recorded'": tuple(f"release.{step}.recorded" for step in ReleaseStep),
    "f'gate.{gate.step}.after-act'": tuple(f"gate.{step}.after-act" for step in _ACTING),
}
"""What the names that are put together at run time can be, by their source text."""


def in_source() -> set[str]:
    """The names of all calls of `failpoint` in the daemon.

    Raises:
        KeyError: a name is put together at run time, and `EXPANDED` does not say what it can be.
    """
    return {name for file in Path(mosaic_daemon.__file__).parent.rglob("*.py") for name in _in_file(file)}


def _in_file(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "failpoint":
            [argument] = node.args
            if isinstance(argument, ast.Constant):
                yield str(argument.value)
            else:
                yield from EXPANDED[ast.unparse(argument)]
