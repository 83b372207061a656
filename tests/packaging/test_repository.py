"""The repository speaks of the product alone: no registry's address, no path of the machine it was written on."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest
from pydantic import BaseModel

from mosaic_daemon.cli import ALIASES, PROGRAM, VERBS
from mosaic_daemon.ground.settings import Settings
from mosaic_daemon.runtimes.base import DEFAULTS
from tests.packaging import ROOT

_REGISTRY = re.compile(
    r"\b(?:pypi|pythonhosted|npmjs|yarnpkg|crates|deb\.debian|archive\.ubuntu|proxy\.golang|docker|ghcr|quay)"
    r"\.(?:org|com|io)\b"
)
# `dev` is who recorded agent output is attributed to: nobody.
_HOME_OF_SOMEBODY = re.compile(r"(?<![\w.])/(?:root|home/(?!dev/)[a-z]\w*)/")
_DOCUMENTS = (
    "README.md",
    "CHANGELOG.md",
    *sorted(str(file.relative_to(ROOT)) for file in (ROOT / "docs").glob("*.md")),
)


@cache
def _tracked() -> tuple[Path, ...]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("this is not a git checkout")
    return tuple(file for name in done.stdout.decode().split("\0") if name and (file := ROOT / name).is_file())


def _hits(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{file.relative_to(ROOT)}: {found[0]}"
        for file in _tracked()
        for found in pattern.finditer(file.read_text(encoding="utf-8", errors="replace"))
    ]


def test_no_registry_is_named() -> None:
    assert _hits(_REGISTRY) == []


def test_no_path_of_a_machine_is_named() -> None:
    assert _hits(_HOME_OF_SOMEBODY) == []
    assert _hits(re.compile(re.escape(f"{ROOT}/"))) == []


@pytest.mark.parametrize("document", _DOCUMENTS)
def test_a_document_points_only_at_what_exists(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert ((ROOT / document).parent / target).exists(), target
    for verb in re.findall(rf"(?<![-/@]){PROGRAM} ([a-z][a-z-]+)", text):
        assert verb in VERBS or verb in ALIASES, verb


@pytest.mark.parametrize("document", _DOCUMENTS)
def test_a_setting_is_called_by_its_name(document: str) -> None:
    """Whatever looks like `table.key`, with a table of ours, is one of its keys."""
    text = (ROOT / document).read_text(encoding="utf-8")
    for table, key in re.findall(r"`([a-z]+)\.([a-z_]+)`", text):
        group = getattr(Settings(), table) if table in Settings.model_fields else None
        if isinstance(group, BaseModel):
            assert key in type(group).model_fields, f"{table}.{key}"


def test_the_readme_knows_every_built_in_runtime() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in DEFAULTS if f"| `{name}` |" not in text] == []


def test_a_code_of_a_blocked_gate_is_one() -> None:
    """What the page on forges explains is what the program says."""
    daemon = ROOT / "daemon" / "mosaic_daemon"
    files = [*(daemon / "forges").rglob("*.py"), *(daemon / "stages" / "gate").glob("*.py")]
    said = "".join(file.read_text(encoding="utf-8") for file in files)
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \|", (ROOT / "docs" / "forges.md").read_text(encoding="utf-8"), re.MULTILINE)
    codes = [code for row in rows for code in re.findall(r"`(\w+)`", row)]
    assert len(codes) > 30
    assert [code for code in codes if f'"{code}"' not in said] == []
