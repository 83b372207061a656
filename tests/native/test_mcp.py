"""An agent session on a real daemon, through a real MCP client: the protocol's own library on both ends."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from tests.support.daemon import Daemon, environment
from tests.support.fixtures import Start, repo, start
from tests.support.repo import GATE, Repo, git

__all__ = ["repo", "start"]

pytestmark = pytest.mark.slow

SCRIPT = Path(sys.executable).with_name("mosaic-orchestrator")
TASK = {"id": "N-1", "description": "F-1: write it", "runtime": "claude"}


class Session:
    """A session's tools, called as its agent does."""

    def __init__(self, client: ClientSession) -> None:
        self.client = client

    async def __call__(self, tool: str, **args: Any) -> Mapping[str, Any]:
        """What the tool answers."""
        answer = await self.client.call_tool(tool, args)
        assert not answer.is_error, answer.content
        content: Mapping[str, Any] | None = answer.structured_content
        assert content is not None
        return content

    async def refused(self, tool: str, **args: Any) -> str:
        """Why the tool fails."""
        answer = await self.client.call_tool(tool, args)
        assert answer.is_error, answer
        return str(answer.content)


@asynccontextmanager
async def session(target: Repo) -> AsyncIterator[Session]:
    """An agent that has the server in its configuration."""
    env = environment(target, {})
    server = StdioServerParameters(command=str(SCRIPT), args=["mcp", "--repo", str(target.root)], env=env)
    async with stdio_client(server) as (read, write), ClientSession(read, write) as client:
        await client.initialize()
        yield Session(client)


def work(claimed: Mapping[str, Any], text: str = "done\n") -> str:
    """Do what the prompt says; returns the result as JSON text."""
    tree = Path(claimed["worktree"])
    assert git(tree, "symbolic-ref", "--short", "HEAD") == claimed["branch"]
    (tree / "made.txt").write_text(text)
    git(tree, "add", "made.txt")
    git(tree, "commit", "-q", "-m", "made")
    head = git(tree, "rev-parse", "HEAD")
    said = {"task_id": claimed["task_id"], "status": "success", "used": "5K", "commit_sha": head, "notes": "by hand"}
    return json.dumps(said)


def prepare(target: Repo) -> None:
    target.configure(f'{GATE}[review]\nmode = "off"\n')
    target.write_tasks(TASK)


def command(target: Repo, *words: str) -> str:
    """What a command prints."""
    argv = [str(SCRIPT), *words, "--repo", str(target.root)]
    return subprocess.run(argv, env=environment(target, {}), capture_output=True, text=True, check=True).stdout


async def until(daemon: Daemon, target: Repo, status: str) -> None:
    await anyio.to_thread.run_sync(lambda: daemon.status(TASK["id"], status))


async def test_a_session_delivers_a_task(repo: Repo, start: Start) -> None:
    """Claimed, worked in the directory that the daemon made, handed in, judged like any other, merged."""
    prepare(repo)
    daemon = start(repo).ready()
    async with session(repo) as call:
        assert {tool.name for tool in (await call.client.list_tools()).tools} == {
            *("attach", "list_tasks", "claim_task", "read_prompt", "renew", "report_progress", "submit_result"),
            "why_blocked",
        }
        assert (await call("attach", agent="a test", context_percent=10))["yours"] == []
        claimed = await call("claim_task")
        assert (claimed["attempt"], claimed["task_id"]) == ("N-1.1", "N-1")
        assert "F-1: write it" in claimed["prompt"]
        assert (await call("read_prompt"))["prompt"] == claimed["prompt"]
        assert (await call("list_tasks"))["yours"] == ["N-1.1"]
        progress = await call("report_progress", note="half way", context_percent=56)
        assert progress["renewed"] == {"N-1.1": "renewed"}
        assert "ORCHESTRATOR HANDOFF REQUIRED" in progress["checkpoint"]
        (shown,) = daemon.ask("about")["sessions"]
        assert (shown["agent"], shown["context"], shown["attempts"]) == ("a test", 56, ["N-1.1"])
        assert "a test (context 56 %, N-1.1)" in command(repo, "status")
        assert "Context: 56%" in command(repo, "handoff")
        submitted = await call("submit_result", result=work(claimed))
        assert submitted["said"] == "taken in, it is judged now"
        await until(daemon, repo, "done")
    assert repo.on_main("made.txt") == "done"
    assert repo.squashes() == {"N-1": 1}
    assert daemon.ask("about")["sessions"] == []


async def test_a_bad_result_is_the_attempts_and_says_why(repo: Repo, start: Start) -> None:
    """The next attempt's prompt carries it, and the session may have that one as well."""
    prepare(repo)
    start(repo).ready()
    async with session(repo) as call:
        await call("attach", agent="a test")
        first = await call("claim_task")
        await call("submit_result", result='{"task_id": "N-1", "status": "success"}')
        second = await call("claim_task", task="N-1")
        assert (first["attempt"], second["attempt"]) == ("N-1.1", "N-1.2")
        assert "without a commit" in second["prompt"]
        assert "there is no task" in await call.refused("why_blocked", task="N-9")
        assert (await call("why_blocked", task="N-1"))["stage"] in ("dispatching", "running")


async def test_a_session_survives_a_daemon_that_is_killed(repo: Repo, start: Start) -> None:
    """With the attempt it has."""
    prepare(repo)
    daemon = start(repo).ready()
    async with session(repo) as call:
        await call("attach", agent="a test")
        claimed = await call("claim_task")
        daemon.until(lambda: repo.record("N-1")["state"]["kind"] == "running", "its start is recorded")
        daemon.kill()
        assert "no daemon is running" in await call.refused("renew")
        daemon = start(repo).ready()
        assert (await call("renew"))["renewed"] == {"N-1.1": "renewed"}
        await call("submit_result", result=work(claimed))
        await until(daemon, repo, "done")
    assert repo.squashes() == {"N-1": 1}


async def test_without_a_session_tasks_go_where_they_always_went(repo: Repo, start: Start) -> None:
    """`auto`; and a task that asks for a session waits for one and says so."""
    repo.configure(f'{GATE}[review]\nmode = "off"\n')
    repo.write_tasks(repo.task("P-1"), {**TASK, "rail": "native"})
    daemon = start(repo).ready()
    await anyio.to_thread.run_sync(lambda: daemon.status("P-1", "done"))
    async with session(repo) as call:
        assert "no session is attached" not in str(await call("why_blocked", task="N-1"))
        assert (await call("claim_task"))["task_id"] == "N-1"


async def test_no_daemon(repo: Repo) -> None:
    """The tools say what to do."""
    async with session(repo) as call:
        assert "mosaic-orchestrator run" in await call.refused("attach", agent="a test")
