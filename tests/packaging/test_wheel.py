"""The wheel carries all that the program needs at run time, and nothing else."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.packaging import ROOT

SOURCES = {"mosaic_daemon": ROOT / "daemon", "mosaic_rails": ROOT / "rails"}


@pytest.fixture
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as file:
        return {name for name in file.namelist() if ".dist-info/" not in name}


def test_it_holds_every_file_of_both_packages(names: set[str]) -> None:
    """Code, types, templates and the demo's data, dot files included."""
    files = {
        str(file.relative_to(root))
        for package, root in SOURCES.items()
        for file in (root / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert names == files


@pytest.mark.parametrize(
    "name",
    [
        "mosaic_daemon/py.typed",
        "mosaic_rails/py.typed",
        "mosaic_daemon/templates/orchestrator/worker-prompt.md.template",
        "mosaic_daemon/templates/docs/PRD.md.template",
        "mosaic_daemon/templates/reports/review-report-scaffold.sh",
        "mosaic_daemon/demo/agent/CQ-SHOP-1.first.patch",
        "mosaic_daemon/demo/agent/agent.sh",
        "mosaic_daemon/demo/example/.gitignore",
        "mosaic_rails/process/__main__.py",
    ],
)
def test_it_holds_what_is_not_imported_too(names: set[str], name: str) -> None:
    assert name in names


def test_it_brings_the_names_that_people_call(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        (entry,) = [name for name in file.namelist() if name.endswith("entry_points.txt")]
        scripts = file.read(entry).decode()
    for name in ("", "-run", "-matrix-cycle", "-sync-tasks", "-drain"):
        assert f"\nmosaic-orchestrator{name} = " in scripts
