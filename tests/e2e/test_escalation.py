"""When a person is needed they are told: what, why, what was tried, the choices; once, by every configured way."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import worker
from tests.support.daemon import SCRIPT, environment
from tests.support.fixtures import Start
from tests.support.homeserver import TOKEN, Homeserver, limited
from tests.support.receiver import Receiver
from tests.support.repo import GATE, Repo
from tests.support.reviewer import Reviewer, code, finding, writing

FAILING = ("echo this is why >&2", "exit 3")
SECRET = "a-shared-secret-of-ours"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver.opened() as opened:
        yield opened


def configure(repo: Repo, receiver: Receiver | None, more: str = "", retries: int = 0) -> None:
    posted = f'webhook_url = "{receiver.url}"\n' if receiver else ""
    repo.configure(f"{GATE}[worker]\nretries = {retries}\n[notify]\n{posted}{more}")


def test_a_failed_task_and_the_deadlock_that_follows(repo: Repo, start: Start, receiver: Receiver) -> None:
    """Each is told once, and not again by the next daemon; a new failure of the same task is."""
    secret = repo.folder / "secret"
    secret.touch(mode=0o600)
    secret.write_text(SECRET + "\n")
    configure(repo, receiver, f'webhook_secret_file = "{secret}"\n', retries=1)
    repo.write_tasks(repo.bare_task("T-1", *FAILING), repo.task("T-2", depends_on=["T-1"]))
    assert start(repo, "--until-idle").wait() == 3
    said = receiver.posted[0]
    digest = hmac.new(SECRET.encode(), said.body, hashlib.sha256).hexdigest()
    assert said.headers["x-mosaic-signature-256"] == f"sha256={digest}"
    assert said.headers["x-mosaic-delivery"] == said.json["delivery"]
    told = "\n".join(each.json["text"] for each in receiver.posted)
    assert told.count("T-1 is failed: ") >= 1
    assert "deadlock: 1 task(s) cannot start" in told
    seen = list(receiver.posted)
    daemon = start(repo).ready()
    daemon.ask("cycle")
    assert daemon.stop() == 0
    assert receiver.posted == seen
    daemon = start(repo).ready()
    daemon.ask("ask", task="T-1", wanted="not-started", actor="ada")
    daemon.until(lambda: "task T-1" in [each.json["topic"] for each in receiver.posted[len(seen) :]], "it to be told")
    again = receiver.posted[-1].json
    assert again["task"] == "T-1"
    assert again["what"].startswith("T-1 is failed: ")
    assert "F-T-1: a change stopped at worker" in again["why"]
    assert "4 attempt(s)" in again["tried"][0]
    assert again["choices"][1] == f"mosaic-orchestrator retry T-1 --repo {repo.root}"
    assert "Your choices:\n- mosaic-orchestrator explain T-1" in again["text"]
    daemon.says("was told: T-1 is failed")
    daemon.ask("cycle")
    daemon.kill()
    daemon = start(repo).ready()
    daemon.ask("cycle")
    assert daemon.stop() == 0
    assert len([each for each in receiver.posted if each.json["delivery"] == again["delivery"]]) == 1


def test_a_command_gets_the_message_and_no_secret(repo: Repo, start: Start) -> None:
    """On standard input and in variables; its words are never a shell's."""
    got = repo.folder / "got"
    script = 'env > "$1.env"; cat > "$1.text"; echo "$2" > "$1.subject"'
    command = json.dumps(["sh", "-c", script, "sh", str(got), "{subject}"])
    configure(repo, None, f"command = {command}\n")
    repo.write_tasks(repo.bare_task("T-1", "exit 1", description="$(touch owned) `id`: {task}"))
    assert start(repo, "--until-idle", env={"GITHUB_TOKEN": "not-for-you-1234"}).wait() == 3
    variables = dict(line.split("=", 1) for line in Path(f"{got}.env").read_text().splitlines() if "=" in line)
    assert variables["MOSAIC_TASK_ID"] == "T-1"
    assert variables["MOSAIC_TOPIC"] == "task T-1"
    assert variables["MOSAIC_SUBJECT"] == Path(f"{got}.subject").read_text().rstrip()
    assert "not-for-you-1234" not in variables.values()
    assert "$(touch owned) `id`: {task} stopped at worker" in Path(f"{got}.text").read_text()
    assert not (repo.root / "owned").exists()


def test_the_queue_file_is_told_when_it_breaks_and_not_for_each_tick(
    repo: Repo, start: Start, receiver: Receiver
) -> None:
    """With its line; what was mended before anybody could be told is not told."""
    configure(repo, receiver)
    repo.write_tasks(repo.task("T-1"))
    daemon = start(repo).ready()
    daemon.status("T-1", "done")
    repo.write_queue(b'{"version": 1,\n "tasks": [}')
    daemon.until(lambda: receiver.topics == ["tasks.json"], "the broken file to be told")
    assert "tasks.json:2:" in receiver.posted[0].json["why"]
    for _ in range(3):
        daemon.ask("cycle")
    repo.write_tasks(repo.task("T-1"), repo.task("T-2"))
    daemon.status("T-2", "done")
    assert daemon.stop() == 0
    assert receiver.topics == ["tasks.json"]


def test_many_at_once_are_one_message(repo: Repo, start: Start, receiver: Receiver) -> None:
    """Not a flood."""
    configure(repo, receiver)
    repo.write_tasks(*(repo.bare_task(f"T-{number}", "exit 1") for number in range(12)))
    assert start(repo, "--until-idle").wait() == 3
    told = "".join(each.json["why"] for each in receiver.posted)
    assert len(receiver.posted) <= 3
    assert receiver.posted[-1].json["topic"] in ("several", "task T-11")
    assert "T-1 " in told


def test_what_a_person_did_is_not_told_to_them(repo: Repo, start: Start, receiver: Receiver) -> None:
    """But an entry that cannot be started is."""
    configure(repo, receiver)
    repo.write_tasks(repo.task("T-1", status="blocked"), {"id": "T-2", "description": "no command", "runtime": "shell"})
    assert start(repo, "--until-idle").wait() == 3
    assert receiver.topics == ["task T-2"]
    assert "needs the task's own `command`" in receiver.posted[0].json["what"]


def test_a_task_that_waits_for_a_remediation_that_was_put_off(repo: Repo, start: Start, receiver: Receiver) -> None:
    """Nothing will move it by itself: one call, and none for the task that a person put off."""
    reviewer = Reviewer(repo)
    reviewer.script("code", writing(code("request-changes", 1, finding())))
    reviewer.configure(f'[notify]\nwebhook_url = "{receiver.url}"\n')
    steps = f"if [ $MOSAIC_TASK_ID = T-1-QA ]; then {worker.waiting(repo.folder / 'never')}; fi"
    repo.write_tasks(repo.task("T-1", steps))
    daemon = start(repo).ready()
    daemon.status("T-1", "needs-qa")
    daemon.until(lambda: repo.record("T-1-QA")["state"]["kind"] == "running", "its remediation to be at work")
    daemon.ask("ask", task="T-1-QA", wanted="deferred", actor="ada")
    daemon.until(lambda: receiver.topics == ["task T-1"], "it to be told")
    daemon.ask("cycle")
    assert daemon.stop() == 0
    assert receiver.topics == ["task T-1"]
    assert "T-1-QA, which was to mend it, is deferred" in receiver.posted[0].json["what"]


def test_a_budget_that_stops_everything(repo: Repo, start: Start, receiver: Receiver) -> None:
    """With the guide's three choices."""
    configure(repo, receiver, '[budget]\ncap = "10K"\n')
    repo.write_tasks(repo.task("T-1", estimate="25K"))
    assert start(repo, "--until-idle").wait() == 3
    assert receiver.topics == ["budget"]
    assert receiver.posted[0].json["what"] == "the budget is over: no new starts"
    assert "reduce scope, split into phases, approve a higher budget" in receiver.posted[0].json["choices"][0]


def test_a_higher_budget_is_recorded_and_work_goes_on(repo: Repo, start: Start) -> None:
    """What it was, what it is, and who said so; the same cap again is no news, over a restart too."""
    configure(repo, None, '[budget]\ncap = "10K"\n')
    repo.write_tasks(repo.task("T-1", estimate="25K"))
    daemon = start(repo).ready()
    daemon.until(lambda: "no new starts" in repo.reports() or "stopped" in repo.reports(), "the budget to stop it")
    configure(repo, None, '[budget]\ncap = "1M"\n')
    daemon.status("T-1", "done")
    daemon.ask("cycle")
    assert daemon.stop() == 0
    assert start(repo, "--until-idle").wait() == 0
    (said,) = [event.body["message"] for event in repo.events("reported") if event.body["topic"] == "budget cap"]
    assert said.startswith("the cap on tokens is 1M, it was 10K; 0 used + 25K to come = 25K of 1M")


def test_a_runtime_that_is_not_there(repo: Repo, start: Start, receiver: Receiver) -> None:
    """It names the program."""
    configure(repo, receiver, '[runtimes.ghost]\ncommand = ["no-such-agent"]\nprompt = "stdin"\noutput = "text"\n')
    repo.write_tasks({"id": "T-1", "description": "x", "runtime": "ghost"})
    assert start(repo, "--until-idle").wait() == 3
    assert "`no-such-agent` of runtime `ghost`" in "".join(each.json["text"] for each in receiver.posted)


def test_a_room_gets_one_event_for_each_call(repo: Repo, start: Start) -> None:
    """Although a receipt was lost, and the server had enough for a moment."""
    token = repo.folder / "token"
    token.touch(mode=0o600)
    token.write_text(TOKEN + "\n")
    with Homeserver.opened() as homeserver:
        homeserver.refusals, homeserver.drops = [limited(20)], 1
        configure(repo, None, homeserver.settings(str(token)))
        repo.write_tasks(repo.bare_task("T-1", "exit 1"))
        daemon = start(repo).ready()
        daemon.until(lambda: len(homeserver.asked) == 3, "the receipt to be asked for again")
        daemon.says("was told: T-1 is failed")
        assert daemon.stop() == 0
    assert len(set(homeserver.asked)) == 1
    assert [told.partition(":")[0] for told in homeserver.told] == ["T-1 is failed"]
    assert TOKEN not in daemon.log + repo.reports()


NOTIFIERS = {
    "a failing command": (
        'command = ["sh", "-c", "echo broken pipe dream >&2; exit 9"]',
        "ended with 9: broken pipe dream",
    ),
    "no such command": ('command = ["/nowhere/notify"]', "cannot be started"),
    "a receiver that refuses": ("", "answers 500"),
    "nobody there": ('webhook_url = "http://127.0.0.1:9/x"', "cannot be reached"),
}


@pytest.mark.parametrize("name", NOTIFIERS)
def test_a_notifier_that_fails_is_a_notice_and_nothing_else(
    repo: Repo, start: Start, receiver: Receiver, name: str
) -> None:
    """The work goes on, the daemon ends as it would, and the address is in no log."""
    setting, said = NOTIFIERS[name]
    receiver.statuses = [500]
    configure(repo, None if setting else receiver, setting + "\n")
    repo.write_tasks(repo.bare_task("T-1", "exit 1"), repo.task("T-2"))
    daemon = start(repo, "--until-idle")
    assert daemon.wait() == 3
    assert repo.statuses() == {"T-1": "failed", "T-2": "done"}
    assert said in repo.reports()
    assert "9f8e7d6c5b4a" not in daemon.log + repo.reports()


def test_a_receiver_that_comes_back_gets_it(repo: Repo, start: Start, receiver: Receiver) -> None:
    """Tried again; a redirect is no delivery."""
    receiver.statuses = [503, 307, 200]
    configure(repo, receiver)
    repo.write_tasks(repo.bare_task("T-1", "exit 1"))
    assert start(repo, "--until-idle").wait() == 3
    assert [each.json["delivery"] for each in receiver.posted] == [receiver.posted[0].json["delivery"]] * 3


def test_a_silent_receiver_keeps_nobody_waiting(repo: Repo, start: Start, receiver: Receiver) -> None:
    """Others get their turn meanwhile, and the daemon ends."""
    receiver.silent.set()
    configure(repo, receiver)
    flag = repo.folder / "go"
    repo.write_tasks(repo.bare_task("T-1", "exit 1"), repo.task("T-2", worker.waiting(flag)))
    daemon = start(repo).ready()
    daemon.until(lambda: receiver.posted, "the call to be sent")
    flag.touch()
    daemon.status("T-2", "done")
    receiver.released.set()
    assert daemon.stop() == 0


WRONG = {
    "an empty command": ("command = []", "notify.command"),
    "no address": ('webhook_url = "example.org/hook"', "notify.webhook_url"),
    "a password in it": ('webhook_url = "https://ada:hunter22@example.org/"', "notify.webhook_url"),
    "a secret for nothing": ('webhook_secret_file = "/nowhere"', "notify.webhook_secret_file"),
    "no secret there": ('webhook_url = "https://example.org/"\nwebhook_secret_file = "/nowhere"', "/nowhere"),
    "a room nowhere": ('matrix_room = "!a:example.org"', "notify.matrix_homeserver"),
    "a room without a token": (
        'matrix_homeserver = "https://example.org"\nmatrix_room = "!a:example.org"',
        "notify.matrix_token_file",
    ),
    "an unknown way": ("pigeon = true", "notify.pigeon"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_settings_stop_the_start(repo: Repo, name: str) -> None:
    """78, and the key is named; a password is not."""
    setting, said = WRONG[name]
    configure(repo, None, setting + "\n")
    done = subprocess.run(
        [SCRIPT, "--once"], cwd=repo.root, env=environment(repo, {}), capture_output=True, text=True, check=False
    )
    assert done.returncode == 78, done.stderr
    assert said in done.stderr
    assert "hunter22" not in done.stderr


def test_one_cycle_tells_as_well(repo: Repo, receiver: Receiver) -> None:
    """Without a daemon: for those who run it from cron."""
    configure(repo, receiver)
    repo.write_tasks({"id": "T-2", "description": "no command", "runtime": "shell"})
    cycle = SCRIPT.with_name("mosaic-orchestrator-matrix-cycle")
    for _ in range(2):
        done = subprocess.run([cycle], cwd=repo.root, env=environment(repo, {}), capture_output=True, check=False)
        assert done.returncode == 3
    assert receiver.topics == ["task T-2"]
