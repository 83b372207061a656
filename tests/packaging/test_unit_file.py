"""The systemd unit: systemd accepts it, and it says what this program understands."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from mosaic_daemon.cli import VERBS
from mosaic_daemon.ground.settings import RunSettings
from tests.packaging import ROOT

UNIT = ROOT / "systemd" / "mosaic-orchestrator@.service"


def _settings() -> dict[str, str]:
    lines = UNIT.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def _words(setting: str) -> list[str]:
    words = shlex.split(_settings()[setting].lstrip("-"))
    return words[words.index("mosaic-orchestrator") + 1 :]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
@pytest.mark.parametrize("manager", ["--system", "--user"])
def test_systemd_has_nothing_to_say_against_it(manager: str, tmp_path: Path) -> None:
    """It answers 0 even for keys it does not know: only silence is consent."""
    argv = ["systemd-analyze", "verify", "--man=no", manager, str(UNIT)]
    env = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("setting", ["ExecStart", "ExecStop"])
def test_it_calls_a_command_that_exists(setting: str) -> None:
    assert _words(setting)[0] in VERBS


def test_it_waits_longer_than_the_daemon_does() -> None:
    stop = _words("ExecStop")
    drain = float(stop[stop.index("--timeout") + 1])
    assert float(_settings()["TimeoutStopSec"]) > drain + RunSettings().grace_sec


def test_a_wrong_configuration_is_not_started_again_and_again() -> None:
    assert _settings()["RestartPreventExitStatus"] == "78"


def test_workers_are_left_alone_when_the_daemon_is_stopped() -> None:
    assert _settings()["KillMode"] == "process"
