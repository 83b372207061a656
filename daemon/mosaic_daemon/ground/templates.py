"""Templates by their standard names. A person's own wins over the package's; `${name}` is filled in."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from string import Template

_PERSONAL = ("~/.config/mosaic/templates/orchestrator", "~/src/jarvis-brain/docs/templates")


def fill(name: str, values: Mapping[str, str], *, folder: Path | None = None) -> str:
    """The template `name`, e.g. `orchestrator/worker-prompt.md.template`, with its variables filled in.

    A variable nobody gave a value for stays as it is written.
    """
    return Template(_text(name, folder)).safe_substitute(values)


def _text(name: str, folder: Path | None) -> str:
    for place in (folder, *(Path(place).expanduser() for place in _PERSONAL)):
        if place is not None and (place / name).is_file():
            return (place / name).read_text(encoding="utf-8")
    return resources.files("mosaic_daemon").joinpath("templates", *name.split("/")).read_text(encoding="utf-8")
