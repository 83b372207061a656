"""Each real agent CLI, called as the daemon calls it, in a worktree, against a model on a loopback port."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mosaic_daemon.runtimes import read
from mosaic_daemon.runtimes.base import DEFAULTS, Reading, Runtime, environment, invocation
from mosaic_daemon.runtimes.result import ResultError, parse_result
from tests.agents import homes
from tests.agents.behaviours import Refusal, Slow, always, chatty, diligent, out_of_quota, wrong_key
from tests.agents.install import COMMANDS
from tests.agents.model_server import ModelServer

pytestmark = pytest.mark.agents

_PROMPT = "## Task Assignment: T-1\n\n**Description:** SEC-1: write notes/hello.txt: bonjour, {name}\n"
_LONGEST_SEC = 120
_PATIENCE_SEC = 30


@dataclass(frozen=True, slots=True)
class Worker:
    """One way of calling one agent, with everything it needs around it."""

    runtime: Runtime
    worktree: Path
    prompt: Path
    daemon_env: dict[str, str]

    def start(self, output: Path) -> subprocess.Popen[bytes]:
        call = invocation(self.runtime, self.prompt, self.worktree)
        env = environment(self.runtime, self.daemon_env, {"MOSAIC_PROMPT_FILE": str(self.prompt)})
        with output.open("wb") as log, (call.stdin or Path("/dev/null")).open("rb") as stdin:
            return subprocess.Popen(
                call.argv, cwd=self.worktree, env=env, stdin=stdin, stdout=log, stderr=log, start_new_session=True
            )

    def run(self, output: Path) -> tuple[Reading, int]:
        with self.start(output) as process:
            try:
                code = process.wait(_LONGEST_SEC)
            finally:
                kill_group(process)
        return read(self.runtime.output, output.read_bytes()), code

    def git(self, *arguments: str) -> str:
        return subprocess.check_output(["git", *arguments], cwd=self.worktree, text=True).strip()

    def changed(self, **changes: str) -> Worker:
        return replace(self, daemon_env={**self.daemon_env, **changes})


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """End it with its children: `codex` is a launcher, and killing that alone leaves the agent running."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


Hire = Callable[[str], Worker]


@pytest.fixture
def hire(tmp_path: Path, agent_commands: Path, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> Hire:
    """Make a worker for a runtime: a home, a repository and a worktree of its own."""
    for name, value in (("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")):
        monkeypatch.setenv(name, value)

    def make(runtime: str) -> Worker:
        home, repository, worktree = (tmp_path / name for name in ("home", "repository", "worktree"))
        home.mkdir()
        (repository / "notes").mkdir(parents=True)
        (repository / "notes" / "README").write_text("Notes\n")
        for command in (
            "git init -q -b main",
            "git add .",
            "git -c user.name=Somebody -c user.email=somebody@example.invalid commit -q -m Start",
            f"git worktree add -q -b fix/t-1 {worktree}",
        ):
            subprocess.run(command.split(), cwd=repository, check=True)
        prompt = tmp_path / "prompt.md"
        prompt.write_text(_PROMPT.format(name=runtime))
        env = {"HOME": str(home), "PATH": f"{agent_commands}:/usr/local/bin:/usr/bin:/bin"}
        return Worker(DEFAULTS[runtime], worktree, prompt, env | homes.settle(runtime, home, model_server.url))

    return make


@pytest.mark.parametrize("runtime", COMMANDS)
def test_does_the_task_and_reports_what_it_cost(
    runtime: str, hire: Hire, model_server: ModelServer, tmp_path: Path
) -> None:
    """The whole way: prompt in, commit made, result and tokens read."""
    worker = hire(runtime)
    reading, code = worker.run(tmp_path / "log")
    result = parse_result(reading.text, "T-1")
    assert code == 0
    assert (reading.error, reading.limit) == (None, None)
    assert worker.git("show", "HEAD:notes/hello.txt") == f"bonjour, {runtime}"
    assert worker.git("symbolic-ref", "--short", "HEAD") == "fix/t-1"
    assert (result.status, result.commit_sha) == ("success", worker.git("rev-parse", "HEAD"))
    assert reading.used == model_server.tokens > 0
    assert reading.session


@pytest.mark.parametrize("runtime", COMMANDS)
def test_a_provider_out_of_quota_is_a_limit(
    runtime: str, hire: Hire, model_server: ModelServer, tmp_path: Path
) -> None:
    """It is told apart from a failure, with the time it ends where the agent passes that on."""
    reset = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=3)
    model_server.behaviour = always(out_of_quota(reset))
    worker = hire(runtime)
    if runtime == "claude":  # quotas are for subscriptions: a key is told apart by its login
        worker = worker.changed(CLAUDE_CODE_OAUTH_TOKEN="dummy", ANTHROPIC_API_KEY="")
    reading, code = worker.run(tmp_path / "log")
    assert code != 0
    assert reading.limit is not None
    assert reading.error
    if runtime == "claude":
        assert reading.limit.until == reset
    if runtime == "codex":  # it rounds to minutes and says the time of its own clock
        assert reading.limit.until is not None
        assert reset <= reading.limit.until + timedelta(seconds=1) <= reset + timedelta(seconds=61)


@pytest.mark.parametrize("runtime", COMMANDS)
def test_a_wrong_key_is_an_error_and_no_limit(
    runtime: str, hire: Hire, model_server: ModelServer, tmp_path: Path
) -> None:
    model_server.behaviour = always(wrong_key())
    reading, code = hire(runtime).run(tmp_path / "log")
    assert code != 0
    assert reading.limit is None
    assert reading.error
    assert "key" in reading.error


@pytest.mark.parametrize("runtime", ["claude", "codex"])  # opencode tries for more than a minute
def test_a_provider_in_trouble_is_a_limit_without_a_time(
    runtime: str, hire: Hire, model_server: ModelServer, tmp_path: Path
) -> None:
    trouble = {"type": "error", "error": {"type": "api_error", "message": "Internal server error"}}
    model_server.behaviour = always(Refusal(500, trouble))
    reading, _ = hire(runtime).run(tmp_path / "log")
    assert reading.limit is not None
    assert reading.limit.until is None


def test_opencode_stopped_while_it_waits_for_its_provider_is_limited(
    hire: Hire, model_server: ModelServer, tmp_path: Path
) -> None:
    """It waits in silence as long as the provider says, here an hour, so a stall is what ends it."""
    refusal = out_of_quota(datetime.now(UTC) + timedelta(hours=1))
    model_server.behaviour = always(Refusal(429, refusal.body, {"retry-after": "3600"}))
    log = tmp_path / "log"
    with hire("opencode").start(log) as process:
        until = time.monotonic() + _PATIENCE_SEC
        while (reading := read("opencode-json", log.read_bytes())).limit is None and time.monotonic() < until:
            time.sleep(0.1)
        kill_group(process)
    assert reading.limit is not None
    assert "usage limit" in reading.limit.detail


@pytest.mark.parametrize("runtime", COMMANDS)
def test_an_agent_that_forgets_the_result_is_told(
    runtime: str, hire: Hire, model_server: ModelServer, tmp_path: Path
) -> None:
    model_server.behaviour = chatty
    reading, code = hire(runtime).run(tmp_path / "log")
    assert (code, reading.error) == (0, None)
    with pytest.raises(ResultError, match="there is no result JSON"):
        parse_result(reading.text, "T-1")


@pytest.mark.parametrize("runtime", COMMANDS)
def test_a_prompt_too_long_for_an_argument_is_read_from_its_file(
    runtime: str, hire: Hire, model_server: ModelServer, tmp_path: Path
) -> None:
    """An agent configured to take its prompt as an argument still gets all of a long one."""
    worker = hire(runtime)
    worker.prompt.write_text(worker.prompt.read_text() + "Background.\n" * 20_000)
    default = worker.runtime.command
    command = (*(default[:-1] if default[-1] == "-" else default), "{prompt}")
    reading, code = replace(worker, runtime=replace(worker.runtime, command=command, prompt="arg")).run(
        tmp_path / "log"
    )
    assert code == 0
    assert len(model_server.requests) >= 3
    assert parse_result(reading.text, "T-1").commit_sha == worker.git("rev-parse", "HEAD")


def test_a_slow_stream_is_waited_for(hire: Hire, model_server: ModelServer, tmp_path: Path) -> None:
    def slowly(conversation: object) -> Slow:
        reply = diligent(conversation)  # type: ignore[arg-type]
        assert not isinstance(reply, Slow | Refusal)
        return Slow(reply, 0.2)

    model_server.behaviour = slowly
    reading, _ = hire("codex").run(tmp_path / "log")
    assert parse_result(reading.text, "T-1").status == "success"
