"""The units as text: systemd accepts them without a word, they are as tight as promised, and call what exists."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaic_daemon.cli import VERBS
from mosaic_daemon.ground.settings import RunSettings
from mosaic_daemon.service import files
from mosaic_daemon.service.manager import Manager, escaped, instance
from tests.packaging import ROOT

UNITS = ROOT / "systemd"
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
SCOPES = ("user", "system")


def _settings(scope: str) -> dict[str, str]:
    lines = (UNITS / scope / "mosaic-orchestrator@.service").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def _words(scope: str, setting: str) -> list[str]:
    words = shlex.split(_settings(scope)[setting].lstrip("-"))
    return words[words.index("mosaic-orchestrator") + 1 :]


def _analyze(folder: Path, *words: str) -> tuple[int, str]:
    env = {**os.environ, "XDG_RUNTIME_DIR": str(folder)}
    done = subprocess.run(["systemd-analyze", *words], env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@needs_systemd
@pytest.mark.parametrize("scope", SCOPES)
def test_systemd_has_nothing_to_say_against_them(scope: str, tmp_path: Path) -> None:
    """It answers 0 even for keys it does not know: only silence is consent."""
    units = map(str, sorted((UNITS / scope).iterdir()))
    assert _analyze(tmp_path, "verify", "--man=no", f"--{scope}", *units) == (0, "")


@needs_systemd
@pytest.mark.parametrize(("scope", "most"), [("user", 20), ("system", 30)])
def test_their_exposure(scope: str, most: int, tmp_path: Path) -> None:
    """2.0 where workers have units of their own, 3.0 where they share the daemon's and have to work in it."""
    unit = UNITS / scope / "mosaic-orchestrator@.service"
    code, said = _analyze(tmp_path, "security", "--offline=true", f"--threshold={most}", "--no-pager", str(unit))
    assert code == 0, said


@needs_systemd
@pytest.mark.parametrize("scope", SCOPES)
def test_what_is_written_for_one_machine(scope: str, tmp_path: Path) -> None:
    """Whatever its folders and files are called."""
    odd = tmp_path / 'a "b" 100% c\'d\\e;#'
    odd.mkdir()
    machine = files.Machine(
        f"/usr/bin:{odd}", {"forge-token": odd}, writable=(odd,), ssh_command="ssh -F '/a b'", shown=(odd,)
    )
    repository = tmp_path / "app"
    for file in files.all_of(Manager(scope), repository, machine):
        if file.path.is_relative_to(Manager(scope).folder):
            place = tmp_path / "units" / file.path.relative_to(Manager(scope).folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(file.text)
    unit = tmp_path / "units" / instance(repository)
    assert _analyze(tmp_path, "verify", "--man=no", f"--{scope}", str(unit)) == (0, "")
    if scope == "user":
        text = (tmp_path / "units" / f"{unit.name}.d" / files.DROP_IN).read_text()
        assert 'Environment="PATH=/usr/bin:' in text
        assert "100%% c" in text


@pytest.mark.parametrize("scope", SCOPES)
def test_they_call_commands_that_exist(scope: str) -> None:
    assert {_words(scope, setting)[0] for setting in ("ExecStart", "ExecStop")} <= VERBS.keys()


@pytest.mark.parametrize("scope", SCOPES)
def test_they_wait_longer_than_the_daemon_does(scope: str) -> None:
    stop = _words(scope, "ExecStop")
    drain = float(stop[stop.index("--timeout") + 1])
    assert float(_settings(scope)["TimeoutStopSec"]) > drain + RunSettings().grace_sec


@pytest.mark.parametrize("scope", SCOPES)
def test_a_wrong_configuration_is_not_started_again_and_again(scope: str) -> None:
    assert _settings(scope)["RestartPreventExitStatus"] == "78"
    assert _settings(scope)["StartLimitBurst"] == "5"


def test_workers_outlive_the_daemon() -> None:
    """In units of their own the daemon's is emptied; in the same one only the daemon is stopped."""
    assert (_settings("user")["KillMode"], _settings("system")["KillMode"]) == ("mixed", "process")


@needs_systemd
@pytest.mark.parametrize("path", ["/home/dev/src/app", "/srv/a b", "/.hidden/x-y", "/ä/$x%", "/", "/a//b/"])
def test_an_instance_has_the_name_that_systemd_gives_it(path: str) -> None:
    said = subprocess.run(["systemd-escape", "--path", path], capture_output=True, text=True, check=True).stdout
    assert escaped(Path(path)) == said.strip()


@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
def test_two_repositories_never_share_a_name(name: str) -> None:
    """It can be read back."""
    path = Path("/srv") / name.replace("/", "_").encode("utf-8", "replace").decode()
    back = escaped(path).replace("-", "/").encode().decode("unicode_escape").encode("latin-1").decode()
    assert Path(f"/{back}") == path


def test_where_user_namespaces_are_refused_nothing_needs_one() -> None:
    """Each setting of the unit that would need one is taken back."""
    taken_back = {line.partition("=")[0] for line in files.UNCONFINED}
    needs_none = {"LockPersonality", "MemoryDenyWriteExecute", "NoNewPrivileges", "LimitCORE", "UMask"}
    asked = {name for name in _settings("user") if name.startswith(("Private", "Protect", "Capability", "ReadWrite"))}
    assert asked <= taken_back
    assert taken_back.isdisjoint(needs_none)
