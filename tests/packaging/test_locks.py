"""The pinned packages: all of them, by hash, from wherever the installing machine gets its packages."""

from __future__ import annotations

import itertools
import re
import tomllib

import pytest

from tests.packaging import ROOT

_PIN = re.compile(r"^([a-z0-9-]+)==([^ ;]+)(?: ;.*)? \\$")
_HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")


def _pins(file: str) -> dict[str, str]:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return {found[1]: found[2] for line in lines if (found := _PIN.match(line))}


def _wanted(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=!~ ;\[]", requirement)[0].lower().replace("_", "-") for requirement in requirements}


@pytest.mark.parametrize("file", ["requirements.lock", "requirements-runtime.lock"])
def test_a_lock_holds_nothing_but_pins_and_their_hashes(file: str) -> None:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not _PIN.match(line) and not _HASH.match(line)] == []
    assert _HASH.match(lines[-1])
    for line, after in itertools.pairwise(lines):
        assert not _PIN.match(line) or _HASH.match(after), f"{line} has no hash"


def test_everything_declared_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    runtime = _wanted(project["project"]["dependencies"])
    assert runtime <= _pins("requirements-runtime.lock").keys()
    assert runtime | _wanted(project["dependency-groups"]["dev"]) <= _pins("requirements.lock").keys()


def test_a_container_gets_the_versions_that_were_tested() -> None:
    assert _pins("requirements-runtime.lock").items() <= _pins("requirements.lock").items()
