"""Several repositories of one person: a limit that one daemon meets holds the others, and `list` shows them all."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import SCRIPT, environment
from tests.support.fixtures import Start
from tests.support.repo import GATE, Repo

_AGENT = """#!/bin/sh
cat >/dev/null
echo "$PWD" >> {calls}
echo '{{"type":"rate_limit_event","rate_limit_info":{{"status":"rejected","resetsAt":{until}}}}}'
echo '{{"type":"result","subtype":"success","is_error":true,"result":"limit reached","api_error_status":429}}'
exit 1
"""


@pytest.fixture
def other(repo: Repo) -> Repo:
    """A second repository of the same person."""
    made = Repo(repo.folder / "second")
    made.folder.joinpath("home").rmdir()
    made.folder.joinpath("home").symlink_to(repo.folder / "home")
    return made


@pytest.fixture
def calls(repo: Repo) -> Path:
    """Where an agent notes that it was called; it is `claude`, and its account is used up for an hour."""
    folder, noted = repo.folder / "bin", repo.folder / "calls"
    folder.mkdir()
    (folder / "claude").write_text(_AGENT.format(calls=noted, until=int(time.time()) + 3600))
    (folder / "claude").chmod(0o755)
    return noted


def listed(repo: Repo) -> dict[str, dict[str, Any]]:
    """What `list` tells, by the folder of each repository; it needs none itself."""
    argv = [str(SCRIPT.with_name("mosaic-orchestrator")), "list", "--json"]
    done = subprocess.run(argv, cwd="/", env=environment(repo, {}), capture_output=True, check=True)
    return {each["repository"]: each for each in json.loads(done.stdout)["instances"]}


def test_a_limit_of_one_is_a_limit_of_all(repo: Repo, other: Repo, calls: Path, start: Start) -> None:
    """The second one starts nothing on that account; on another account it would."""
    env = {"PATH": f"{calls.parent / 'bin'}:{os.environ['PATH']}", "HOME": str(repo.folder / "home")}
    for each in (repo, other):
        each.configure(f'{GATE}[worker]\nruntime = "claude"\n')
        each.write_tasks({"id": "T-1", "description": "F-1: a change"})
    first = start(repo, env=env)
    first.until(lambda: repo.events("runtime-held"), "the limit to be met")
    first.until(lambda: listed(repo)[str(repo.root)]["limited"], "the others to be told")
    second = start(other, env=env).ready()
    second.until(lambda: other.events("runtime-held"), "the limit to be heard of")
    assert len(calls.read_text().splitlines()) == 1
    (held,) = other.events("runtime-held")
    assert f"met in {repo.root}" in json.dumps(held, default=str)
    second.until(lambda: listed(repo)[str(other.root)], "it to be listed")
    assert listed(repo)[str(other.root)]["limited"] == [], "it did not meet it itself"
    third = Repo(repo.folder / "third")
    third.configure(f'{GATE}[worker]\nruntime = "claude"\n')
    third.write_tasks({"id": "T-1", "description": "F-1: a change"})
    start(third, env={**env, "ANTHROPIC_API_KEY": "another-account"}).until(
        lambda: len(calls.read_text().splitlines()) == 2, "the other account to be used"
    )


def test_all_of_them_are_listed(repo: Repo, other: Repo, start: Start) -> None:
    """Running or not, and gone."""
    home = {"HOME": str(repo.folder / "home")}
    repo.write_tasks(repo.task("T-1"))
    assert start(repo, "--until-idle", env=home).wait() == 0
    other.write_tasks()
    daemon = start(other, env=home)
    daemon.until(lambda: listed(repo)[str(other.root)], "it to be listed")
    found = listed(repo)
    assert (found[str(repo.root)]["pid"], found[str(repo.root)]["tasks"]) == (None, {"done": 1})
    assert found[str(other.root)]["pid"] == daemon.pid
    daemon.stop()
    other.root.rename(other.folder / "moved")
    assert not listed(repo)[str(other.root)]["there"]


def test_a_home_that_cannot_be_written_stops_nobody(repo: Repo, start: Start) -> None:
    """Nor does a file there that is nonsense."""
    state = repo.folder / "home" / ".local" / "state" / "mosaic-orchestrator"
    (state / "instances").mkdir(parents=True)
    for name, text in (("a", "{"), ("b", "[]"), ("c", '{"repository": 1, "limited": 3}'), ("d", "\0")):
        (state / "instances" / f"{name}.json").write_text(text)
    repo.write_tasks(repo.task("T-1"))
    assert start(repo, "--until-idle").wait() == 0
    (repo.folder / "file").write_text("not a folder")
    repo.write_tasks(*repo.shown().values(), repo.task("T-2"))
    env = {"HOME": str(repo.folder / "file")}
    assert start(repo, "--until-idle", env=env).wait() == 0
    assert repo.squashes() == {"T-1": 1, "T-2": 1}
