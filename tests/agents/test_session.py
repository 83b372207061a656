"""A real agent session with the MCP server in its configuration: it works on a daemon's task with its own tools."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agents import homes
from tests.agents.behaviours import Call, Conversation, Reply, Say, Use, report
from tests.agents.model_server import ModelServer
from tests.support.daemon import environment
from tests.support.fixtures import Start, repo, start
from tests.support.repo import GATE, Repo

__all__ = ["repo", "start"]

pytestmark = pytest.mark.agents

SCRIPT = Path(sys.executable).with_name("mosaic-orchestrator")
_LONGEST_SEC = 150
_TOOL = "mcp__mosaic__"
_COMMIT = "git -c user.name=Agent -c user.email=agent@example.invalid commit -q -m 'Do the task'"


def at_the_orchestrator(conversation: Conversation) -> Reply:
    """Attach, claim, do it with the shell, hand it in: each step by what the tools have said so far."""
    told = "\n".join(conversation.results)
    if not any(tool.startswith(_TOOL) for tool in conversation.tools):
        return Say("A title")
    tree = re.search(r'"worktree":\s*"([^"]+)"', told)
    head = re.search(r"^head=([0-9a-f]{40})", told, re.MULTILINE)
    if "taken in" in told:
        return Say("Handed in.")
    if head:
        result = re.sub(r"^```json\n|\n```$", "", report("N-1", head[1]))
        return Use(f"{_TOOL}submit_result", {"result": result})
    if tree:
        return Call(f"cd {tree[1]} && echo by a session > made.txt && git add made.txt && {_COMMIT} && {_HEAD}")
    if conversation.results:
        return Use(f"{_TOOL}claim_task", {})
    return Use(f"{_TOOL}attach", {"agent": "claude", "context_percent": 12})


_HEAD = 'echo "head=$(git rev-parse HEAD)"'


def test_claude_takes_a_task_and_hands_it_in(
    repo: Repo, start: Start, agent_commands: Path, model_server: ModelServer
) -> None:
    """The daemon starts no agent: the session that is there does the task, and it lands like any other."""
    repo.configure(f'{GATE}[review]\nmode = "off"\n[run]\ndelegation = "native"\n')
    repo.write_tasks({"id": "N-1", "description": "F-1: write made.txt", "runtime": "claude"})
    daemon = start(repo).ready()
    model_server.behaviour = at_the_orchestrator
    servers = {"mosaic": {"command": str(SCRIPT), "args": ["mcp", "--repo", str(repo.root)]}}
    settled = homes.settle("claude", repo.folder / "home", model_server.url)
    env = environment(repo, {**settled, "ENABLE_TOOL_SEARCH": "false"})
    env["PATH"] = f"{agent_commands}{os.pathsep}{env['PATH']}"
    done = subprocess.run(
        [
            *("claude", "-p", "Work on the orchestrator's tasks.", "--output-format", "stream-json", "--verbose"),
            *("--mcp-config", json.dumps({"mcpServers": servers}), "--strict-mcp-config"),
            *("--allowedTools", "mcp__mosaic,Bash", "--permission-mode", "dontAsk"),
        ],
        cwd=repo.root,
        env=env,
        capture_output=True,
        text=True,
        timeout=_LONGEST_SEC,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    daemon.status("N-1", "done")
    assert repo.on_main("made.txt") == "by a session"
    assert repo.squashes() == {"N-1": 1}
    started = repo.events("attempt-started")[0].body
    assert started["worker"].startswith("s-")
