"""The daemon's life: what wakes it, what ends it, who may hold a repository, and what the service manager hears."""

from __future__ import annotations

import os
import re
import signal
import socket
from pathlib import Path

import pytest

from tests.support import worker
from tests.support.fixtures import Start
from tests.support.processes import attempts_alive
from tests.support.repo import GATE, Repo

HOUR = ("--poll-sec", "3600")


def test_sigterm_waits_for_what_is_in_flight_and_starts_nothing_new(repo: Repo, start: Start) -> None:
    """The worker ends within the grace period: its work lands, exit 0, the next task waits for the next daemon."""
    flag = repo.folder / "go"
    repo.write_tasks(repo.task("T-1", worker.waiting(flag)), repo.task("T-2", depends_on=["T-1"]))
    daemon = start(repo)
    daemon.until(repo.attempts_run, "the worker to work")
    daemon.signal(signal.SIGTERM)
    daemon.until(lambda: daemon.ask("about")["draining"], "the drain")
    flag.touch()
    assert daemon.wait() == 0
    assert repo.statuses() == {"T-1": "done", "T-2": "not-started"}
    assert {task: entry["status"] for task, entry in repo.shown().items()} == repo.statuses()
    assert {task: row["status"] for task, row in repo.table().items()} == repo.statuses()
    assert start(repo, "--until-idle").wait() == 0
    assert repo.attempts_run() == ["T-1.1", "T-2.1"]


@pytest.mark.slow
def test_sigterm_leaves_a_long_worker_running_for_the_next_daemon(repo: Repo, start: Start) -> None:
    """After the grace period the daemon ends with 0; the worker lives, and the next daemon takes its result."""
    flag = repo.folder / "go"
    repo.configure(f"{GATE}[run]\ngrace_sec = 2\n")
    repo.write_tasks(repo.task("T-1", worker.waiting(flag)))
    daemon = start(repo)
    daemon.until(repo.attempts_run, "the worker to work")
    assert daemon.stop() == 0
    assert set(attempts_alive(repo.root).values()) == {"T-1.1"}
    assert repo.shown()["T-1"]["status"] == "in-progress"
    second = start(repo, "--until-idle").ready()
    flag.touch()
    assert second.wait() == 0
    assert (repo.attempts_run(), repo.squashes()) == (["T-1.1"], {"T-1": 1})


def test_a_second_sigterm_ends_at_once(repo: Repo, start: Start) -> None:
    """Nothing is lost by it: the worker is adopted like after any other end."""
    flag = repo.folder / "go"
    repo.write_tasks(repo.task("T-1", worker.waiting(flag)))
    daemon = start(repo)
    daemon.until(repo.attempts_run, "the worker to work")
    daemon.signal(signal.SIGTERM)
    daemon.says("draining; again to stop at once")
    daemon.signal(signal.SIGTERM)
    assert daemon.wait(patience_sec=10) == 0
    assert set(attempts_alive(repo.root).values()) == {"T-1.1"}
    flag.touch()
    assert start(repo, "--until-idle").wait() == 0
    assert (repo.attempts_run(), repo.squashes()) == (["T-1.1"], {"T-1": 1})


def test_drain_now_leaves_workers_and_resume_takes_a_drain_back(repo: Repo, start: Start) -> None:
    flags = [repo.folder / "go-1", repo.folder / "go-2"]
    repo.write_tasks(
        repo.task("T-1", worker.waiting(flags[0])),
        repo.task("T-2", worker.waiting(flags[1])),
        repo.task("T-3", depends_on=["T-1"]),
    )
    daemon = start(repo)
    daemon.until(lambda: len(repo.attempts_run()) == 2, "the workers to work")
    daemon.ask("drain")
    flags[0].touch()
    daemon.status("T-1", "done")
    daemon.ask("resume")
    daemon.status("T-3", "done")
    daemon.ask("drain", now=True)
    assert daemon.wait() == 0
    assert set(attempts_alive(repo.root).values()) == {"T-2.1"}


def test_a_second_daemon_ends_with_4_and_names_the_first(repo: Repo, start: Start) -> None:
    repo.write_tasks()
    first = start(repo).ready()
    second = start(repo)
    assert second.wait() == 4
    assert f"pid {first.pid}" in second.log
    first.kill()
    assert start(repo, "--until-idle").wait() == 0, "the kernel frees a killed daemon's lock"


def test_a_new_task_wakes_the_loop(repo: Repo, start: Start) -> None:
    """By the file's event, long before the rescan."""
    repo.write_tasks()
    daemon = start(repo, *HOUR).ready()
    repo.write_tasks(repo.task("T-1"))
    daemon.status("T-1", "done")


def test_a_file_written_in_place_wakes_the_loop_too(repo: Repo, start: Start) -> None:
    repo.write_tasks(repo.task("T-1"))
    daemon = start(repo, *HOUR)
    daemon.status("T-1", "done")
    document = repo.tasks_file.read_text().replace("F-T-1: a change", "F-T-1: another change")
    with repo.tasks_file.open("r+") as file:
        file.truncate()
        file.flush()
        file.write(document)
    daemon.until(lambda: repo.record("T-1")["task"]["description"] == "F-T-1: another change", "the edit")


def test_a_missing_queue_is_made(repo: Repo, start: Start) -> None:
    """Also when somebody deletes it, and when it was deleted between two daemons: the ledger has everything."""
    assert start(repo, "--until-idle").wait() == 0
    assert repo.shown() == {}
    repo.write_tasks(repo.task("T-1"))
    daemon = start(repo).ready()
    daemon.status("T-1", "done")
    repo.tasks_file.unlink()
    daemon.until(lambda: repo.shown()["T-1"]["status"] == "done", "the file to be made again")
    assert daemon.stop() == 0
    repo.tasks_file.unlink()
    assert start(repo, "--until-idle").wait() == 0
    assert repo.shown()["T-1"]["status"] == "done"


@pytest.mark.slow
def test_a_state_folder_that_was_made_again_is_found_by_the_rescan(repo: Repo, start: Start) -> None:
    """Its watch is silent for ever; the rescan sees the new folder, and later edits wake the loop again."""
    repo.write_tasks(repo.task("T-1"))
    daemon = start(repo).ready()
    daemon.status("T-1", "done")
    renew(repo.state)
    repo.write_tasks(*repo.shown().values(), repo.task("T-2"))
    daemon.status("T-2", "done")


@pytest.mark.slow
def test_a_results_folder_that_was_made_again_is_found_by_the_rescan(repo: Repo, start: Start) -> None:
    """A result that a worker writes into it counts."""
    flag = repo.folder / "go"
    to_file = f'{worker.RESULT} > "$MOSAIC_RESULT_FILE.tmp"; mv "$MOSAIC_RESULT_FILE.tmp" "$MOSAIC_RESULT_FILE"'
    repo.write_tasks(
        repo.bare_task("T-1", worker.waiting(flag), worker.writing({"a": "a"}), worker.COMMIT, to_file, "echo no JSON")
    )
    daemon = start(repo).ready()
    daemon.until(repo.attempts_run, "the worker to work")
    repo.results.rmdir()
    repo.results.mkdir()
    (repo.results / "stray.json").write_text("{}")
    daemon.until((repo.results / "rejected" / "stray.json").exists, "the stray to be found")
    flag.touch()
    daemon.status("T-1", "done")


def renew(folder: Path) -> None:
    """Make a folder again with what was in it, as a restore does."""
    old = folder.with_name("moved-away")
    folder.rename(old)
    folder.mkdir()
    for entry in old.iterdir():
        entry.rename(folder / entry.name)
    old.rmdir()


class Manager:
    """The service manager's end of NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))

    def has(self, line: str) -> bool:
        """Whether this line was ever heard."""
        try:
            while True:
                self.heard += self._socket.recv(4096).decode().splitlines()
        except BlockingIOError:
            return line in self.heard

    def close(self) -> None:
        self._socket.close()


def test_the_service_manager_hears_ready_status_watchdog_and_stopping(repo: Repo, start: Start) -> None:
    """READY after the first tick, WATCHDOG while nothing happens, STOPPING at the end."""
    repo.write_tasks(repo.task("T-1"))
    manager = Manager(Path(os.path.relpath(repo.folder / "notify")))
    env = {"NOTIFY_SOCKET": str(repo.folder / "notify"), "WATCHDOG_USEC": "600000"}
    try:
        daemon = start(repo, *HOUR, env=env)
        daemon.until(lambda: manager.has("READY=1"), "READY=1")
        daemon.until(lambda: manager.has("STATUS=1 done"), "the status")
        count = manager.heard.count("WATCHDOG=1")
        daemon.until(lambda: not manager.has("") and manager.heard.count("WATCHDOG=1") > count + 3, "the watchdog")
        assert daemon.stop() == 0
        assert manager.has("STOPPING=1")
    finally:
        manager.close()


def test_a_changed_configuration_is_loaded_and_a_wrong_one_is_not(repo: Repo, start: Start) -> None:
    """The last good settings stay, and the report names file, line, key and the nearest name."""
    repo.write_tasks(repo.task("T-1"))
    daemon = start(repo, *HOUR).ready()
    daemon.status("T-1", "done")
    repo.configure('[gate]\nci_command = ["false"]\n[worker]\nretrys = 1\n')
    daemon.until(lambda: "did you mean `retries`?" in repo.reports(), "the report")
    assert "config.toml:4" in repo.reports()
    repo.write_tasks(*repo.shown().values(), repo.task("T-2"))
    daemon.status("T-2", "done")
    repo.configure('[gate]\nci_command = ["false"]\n')
    daemon.says("the configuration was loaded again")
    repo.write_tasks(*repo.shown().values(), repo.task("T-3"))
    daemon.status("T-3", "blocked")
    assert daemon.stop() == 0


def test_a_changed_configuration_leaves_a_running_worker_alone(repo: Repo, start: Start) -> None:
    """Who runs under the old settings is still watched, and is collected once."""
    flag = repo.folder / "go"
    repo.write_tasks(repo.task("T-1", worker.waiting(flag)))
    daemon = start(repo, *HOUR).ready()
    daemon.until(repo.attempts_run, "the worker to work")
    repo.configure(f"{GATE}[run]\nmax_workers = 1\n")
    daemon.says("the configuration was loaded again")
    flag.touch()
    daemon.status("T-1", "done")
    assert (repo.attempts_run(), repo.squashes()) == (["T-1.1"], {"T-1": 1})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[run]\nmax_workers = 3\n", r"config.toml:2: `run.max_workers`"),
        ("[gate]\nci_comand = []\n", r"did you mean `ci_command`\?"),
        ("[gate\n", r"cannot be read as TOML"),
    ],
)
def test_a_wrong_configuration_at_the_start_ends_with_78(repo: Repo, start: Start, text: str, said: str) -> None:
    repo.configure(text)
    daemon = start(repo)
    assert daemon.wait() == 78
    assert re.search(said, daemon.log), daemon.log


def test_once_is_one_tick(repo: Repo, start: Start) -> None:
    repo.write_tasks(repo.task("T-1", "sleep 600"))
    assert start(repo, "--once").wait() == 0
    assert repo.status("T-1") == "in-progress"
