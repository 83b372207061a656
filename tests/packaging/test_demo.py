"""`mosaic-orchestrator demo`, as installed from the wheel, on a machine that is set up for something else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mosaic_daemon.demo import proof, stage, watch

TASKS = [
    {"id": "DEMO-SEC-001", "issue": "TASKS:P1", "kind": "code"},
    {"id": "DEMO-SEC-002", "issue": "TASKS:P1", "kind": "verification"},
]


def _demo(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run it with a home folder whose git and whose settings would spoil everything if they took part."""
    home, temporary = folder / "home", folder / "tmp"
    (home / ".config/mosaic/templates/orchestrator/orchestrator").mkdir(parents=True)
    (home / ".config/mosaic/orchestrator.toml").write_text("no_such_key = 1\n", encoding="utf-8")
    (home / ".config/mosaic/templates/orchestrator/orchestrator/worker-prompt.md.template").write_text("nothing")
    (home / ".gitconfig").write_text("[commit]\n\tgpgsign = true\n[user]\n\tuseConfigOnly = true\n", encoding="utf-8")
    temporary.mkdir()
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "PYTHONPATH": str(installed),
        "MOSAIC_ORCHESTRATOR_RUN__NO_SUCH_KEY": "1",
        "MOSAIC_FAILPOINT": "dispatch.intended=kill",
    }
    argv = [sys.executable, "-m", "mosaic_daemon", "demo", *words]
    return subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.slow
def test_it_delivers_and_proves_it_whatever_the_machine_is_set_up_for(installed: Path, tmp_path: Path) -> None:
    done = _demo(installed, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    kept = [line for line in lines if line.startswith("  ok  ")]
    assert len(kept) == 9
    assert not [line for line in lines if line.startswith("  no  ")]
    assert "mosaic-orchestrator init" in done.stdout
    assert done.stderr == ""
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.slow
def test_the_example_stays_where_it_was_asked_for(installed: Path, tmp_path: Path) -> None:
    done = _demo(installed, tmp_path, "--dir", "here")
    assert done.returncode == 0, done.stdout + done.stderr
    scene = stage.Scene(tmp_path / "here")
    assert scene.git("rev-parse", "main") == scene.git("rev-parse", "main", at=scene.origin)
    assert str(scene.root) in done.stdout


def test_a_folder_in_use_is_left_alone(installed: Path, tmp_path: Path) -> None:
    mine = tmp_path / "here" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("mine", encoding="utf-8")
    done = _demo(installed, tmp_path, "--dir", "here")
    assert done.returncode == 78
    assert "here: the folder is not empty" in done.stderr
    assert list(mine.parent.iterdir()) == [mine]


def test_a_promise_that_was_not_kept_is_seen(tmp_path: Path) -> None:
    """Where no daemon ran, nothing is as promised: proof comes from the origin, not from the telling."""
    scene = stage.build(tmp_path)
    tasks = TASKS
    delivered = proof.read_back(scene)
    promises = proof.examine(scene, watch.Story({}), delivered, tasks)
    assert [promise.text for promise in promises if not promise.missing] == []
    assert len(promises[0].missing) == len(tasks)


def test_a_table_that_claims_what_the_origin_does_not_have_is_seen(tmp_path: Path) -> None:
    scene = stage.build(tmp_path)
    task = TASKS[0]
    row = {
        "id": task["id"],
        "status": "done",
        "notes": f"done: 0123456789ab on main | CI: green | closed: {task['issue']}",
    }
    delivered = proof.Delivered(scene.repository, (row,), {})
    (missing,) = proof.examine(scene, watch.Story({}), delivered, [task])[0].missing
    assert missing.startswith("DEMO-SEC-001: the origin does not have what its notes say")
