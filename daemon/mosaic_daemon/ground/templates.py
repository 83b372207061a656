"""Templates by their standard names. A person's own wins over the package's; `$NAME` and `${NAME}` are filled in.

Looked for in the configured folder, then in `~/.config/mosaic/templates/orchestrator`, `~/.config/mosaic/templates`
(where the guide keeps `docs/PRD.md.template`) and `~/src/jarvis-brain/docs/templates`, then in the package.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template

from mosaic_daemon.ground.errors import InputError

_PERSONAL = (
    "~/.config/mosaic/templates/orchestrator",
    "~/.config/mosaic/templates",
    "~/src/jarvis-brain/docs/templates",
)
_VARIABLE = re.compile(r"\$(?P<literal>\$)?(?:\{(?P<braced>[A-Za-z_]\w*)\}|(?P<plain>[A-Za-z_]\w*))", re.ASCII)


def fill(name: str, values: Mapping[str, str], *, folder: Path | None = None, strict: bool = False) -> str:
    """The template `name`, e.g. `orchestrator/worker-prompt.md.template`, with its variables filled in.

    What a value says is never looked into. In a `.json` template values are the insides of JSON strings.

    Args:
        folder: searched first, or None.
        strict: a variable nobody gave a value for is an error, `$$NAME` stands for `$NAME`, and every other dollar
            sign for itself. Otherwise such a variable stays as it is written, and `$$` stands for `$`.

    Raises:
        InputError: the template cannot be read, or names a variable that does not exist: says which, and where.
    """
    found = _found(name, folder)
    if name.endswith((".json", ".json.template")):
        values = {key: json.dumps(value, ensure_ascii=False)[1:-1] for key, value in values.items()}
    return _filled(found, values) if strict else Template(found.text).safe_substitute(values)


def text(name: str, *, folder: Path | None = None) -> str:
    """The template as it is written: for those that are no forms, scripts and checklists. Raises InputError."""
    return _found(name, folder).text


@dataclass(frozen=True, slots=True)
class _Found:
    """A template's text and the file it is from."""

    text: str
    source: str


def _found(name: str, folder: Path | None) -> _Found:
    places = ([folder] if folder else []) + [Path(place).expanduser() for place in _PERSONAL]
    for file in (place / name for place in places):
        try:
            if file.is_file():
                return _Found(file.read_text(encoding="utf-8"), str(file))
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"the template cannot be read: {error}", source=str(file)) from error
    shipped = resources.files("mosaic_daemon").joinpath("templates", *name.split("/"))
    return _Found(shipped.read_text(encoding="utf-8"), str(shipped))


def _filled(template: _Found, values: Mapping[str, str]) -> str:
    def value(variable: re.Match[str]) -> str:
        if variable["literal"]:
            return variable[0][1:]
        name = variable["braced"] or variable["plain"]
        if name not in values:
            raise _unknown(template, variable, values)
        return values[name]

    return _VARIABLE.sub(value, template.text)


def _unknown(template: _Found, variable: re.Match[str], values: Mapping[str, str]) -> InputError:
    name = variable["braced"] or variable["plain"]
    near = difflib.get_close_matches(name, values, n=1)
    meant = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(sorted(values)) or 'none'}"
    return InputError(
        f"the variable `{name}` has no value",
        source=template.source,
        line_number=template.text.count("\n", 0, variable.start()) + 1,
        remedy=f"{meant}; `${variable[0]}` stands for the text `{variable[0]}`",
    )
