"""Death of the daemon at any place of a gate over a person's own scripts, and what is true after the next start."""

from __future__ import annotations

import shutil
import signal
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.gate import Step
from mosaic_daemon.nouns.record import Done
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.store.sqlite import SqliteJournal
from tests.crash import failpoints
from tests.crash.forking import TASK, Daemons, Run
from tests.crash.oracle import folded
from tests.forges.fakes.origin import Origin
from tests.forges.scripted import Scripts, write_scripts
from tests.repository.repos import git
from tests.samples import attempt

EVENTS = 11
"""Of a gate that nothing disturbs, each with a commit of its own in the ledger."""

MUTATING = ("pr-create", "pr-merge", "issue-close")
ACTS = sorted(name for name in failpoints.in_source() if name.startswith("gate.") and name.endswith("-act"))
ACTS = [name for name in ACTS if not name.startswith("gate.rerun")]  # no script runs red jobs again
INTENDED = [f"gate.{step}.recorded:{nth}" for step in ("pr", "merge", "close") for nth in (1, 2)]
COMMITS = [f"store.before-commit:{nth}" for nth in range(1, EVENTS + 1)]


@dataclass
class Deaths:
    """One task on one forge of scripts, and the daemons that come and go."""

    folder: Path
    daemons: Daemons
    starts: int = 0

    def __post_init__(self) -> None:
        write_scripts(self.state / "tools", self.state, self.folder / "origin.git")
        head = git(self.folder / "gate.git", "rev-parse", "refs/mosaic/work")
        accepted = ev.AttemptIntended(attempt(TASK.id, 1)), ev.ResultAccepted(1, head, None, "")
        with closing(SqliteJournal(self.folder / "state.db")) as journal:
            Ledger(journal).append(TASK.id, ev.TaskAdded(TASK, 0, "test"), *accepted, at=datetime.now(UTC))

    @property
    def state(self) -> Path:
        return self.folder / "forge"

    def run(self, failpoint: str = "") -> int:
        """A daemon from its start to its end, some minutes after the one before."""
        self.starts += 1
        now = datetime.now(UTC) + timedelta(minutes=3 * self.starts)
        spec = f"{failpoint}=kill" if failpoint else ""
        place = Scripts(str(self.state / "tools"), str(self.folder / "kept"))
        self.daemons.start(Run(str(self.folder), place, now.isoformat(), spec))
        return self.daemons.code()

    def dies_in(self, script: str, when: str) -> None:
        """The script kills the daemon, once, and goes on when the next one is there and has looked about."""
        file, pid_file = self.state / f"{script}.{when}", self.folder / "daemon.pid"
        file.write_text(
            f'rm "{file}"; pid=$(cat "{pid_file}"); kill -KILL "$pid"\n'
            f'while [ "$(cat "{pid_file}")" = "$pid" ]; do sleep 0.02; done; sleep 0.3\n'
        )

    def calls(self) -> dict[str, int]:
        """How often each script that changes anything has run."""
        files = {script: self.state / f"{script}.calls" for script in MUTATING}
        return {script: len(file.read_text().splitlines()) if file.exists() else 0 for script, file in files.items()}

    def check(self) -> None:
        """The rows are the fold of the events; the task is done, rightly, and each script has run once."""
        with closing(SqliteJournal(self.folder / "state.db")) as journal:
            record = Ledger(journal).records[TASK.id]
            assert folded(journal) == {TASK.id: record}
            events = [entry.event for _, entry in journal.entries()]
        assert isinstance(record.state, Done), record.state
        evidence, origin = record.state.evidence, Origin(self.folder / "origin.git")
        [merged] = origin.git("rev-list", "main", f"^{evidence['base_sha']}").split()
        assert merged == evidence["merge_sha"]
        commit = origin.commit(merged)
        assert commit.tree == evidence["tree"] == origin.merged_tree(commit.parents[0], evidence["head_sha"])
        [seen] = [each.evidence for each in events if isinstance(each, ev.GateStepped) and each.step is Step.MAIN_CI]
        assert (evidence["ci"], seen["verdict"]) == ("green", "green")
        assert seen["checks"]
        assert evidence["guard"] == "weak"
        assert self.calls() == dict.fromkeys(MUTATING, 1)
        assert (self.state / "closed" / TASK.issue.removeprefix("#")).exists()


@pytest.fixture
def deaths(tmp_path: Path, prepared: Path, daemons: Daemons) -> Deaths:
    return Deaths(shutil.copytree(prepared, tmp_path / "world"), daemons)


@pytest.mark.parametrize("point", [*ACTS, *INTENDED, *COMMITS])
def test_killed_there_and_started_again_each_script_has_run_once(deaths: Deaths, point: str) -> None:
    assert deaths.run(point) == -signal.SIGKILL
    assert deaths.run() == 0
    deaths.check()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("script", MUTATING)
def test_killed_while_a_script_runs_it_is_not_run_again(deaths: Deaths, script: str, when: str) -> None:
    """Before it has done anything, and when it has."""
    deaths.dies_in(script, when)
    assert deaths.run() == -signal.SIGKILL
    assert deaths.run() == 0
    deaths.check()


@pytest.mark.parametrize("first", ACTS)
def test_killed_twice(deaths: Deaths, first: str) -> None:
    """Also while the next daemon is picking up the pieces."""
    assert deaths.run(first) == -signal.SIGKILL
    assert deaths.run("gate.merge.after-act") in (-signal.SIGKILL, 0)
    assert deaths.run() == 0
    deaths.check()
