"""The main job with real agents: the daemon dispatches a real CLI, and what it commits lands on the origin's main."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.agents import homes
from tests.agents.behaviours import Conversation, Reply, diligent, out_of_quota
from tests.agents.install import COMMANDS
from tests.agents.model_server import ModelServer
from tests.support.fixtures import Start, repo, start
from tests.support.repo import GATE, Repo

__all__ = ["repo", "start"]

pytestmark = pytest.mark.agents

_LONGEST_SEC = 150


def environment(runtime: str, target: Repo, commands: Path, server: ModelServer) -> dict[str, str]:
    """What the daemon needs in its environment for this agent, which here does not review its own work as well."""
    target.configure(f'{GATE}[review]\nmode = "off"\n')
    needed = homes.settle(runtime, target.folder / "home", server.url)
    return {**needed, "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.parametrize("runtime", COMMANDS)
def test_two_tasks_of_a_real_agent_land_on_main(
    runtime: str, repo: Repo, start: Start, agent_commands: Path, model_server: ModelServer
) -> None:
    """Each as one squash commit, CI green, with the tokens that the agent itself reported."""
    repo.write_tasks(
        {"id": "A-1", "description": "SEC-1: write a.txt: from A-1", "runtime": runtime},
        {"id": "A-2", "description": "SEC-2: write b.txt: from A-2", "runtime": runtime, "depends_on": ["A-1"]},
    )
    daemon = start(repo, "--until-idle", env=environment(runtime, repo, agent_commands, model_server))
    assert daemon.wait(patience_sec=_LONGEST_SEC) == 0, daemon.log[-4000:]
    assert repo.on_main("a.txt") == "from A-1"
    assert repo.on_main("b.txt") == "from A-2"
    assert repo.squashes() == {"A-1": 1, "A-2": 1}
    assert {row["status"] for row in repo.table().values()} == {"done"}
    assert all(repo.record(task)["used"] > 0 for task in ("A-1", "A-2"))
    assert "SEC-1: write a.txt: from A-1" in repo.prompt("A-1.1")


def test_a_provider_limit_holds_the_runtime_and_uses_up_no_attempt(
    repo: Repo, start: Start, agent_commands: Path, model_server: ModelServer
) -> None:
    """The task starts again when the limit is over, and no failure is counted for it."""
    reset = datetime.now(UTC) + timedelta(seconds=8)

    def limited_until_reset(conversation: Conversation) -> Reply:
        return out_of_quota(reset) if datetime.now(UTC) < reset else diligent(conversation)

    model_server.behaviour = limited_until_reset
    env = environment("claude", repo, agent_commands, model_server)
    subscription = {**env, "CLAUDE_CODE_OAUTH_TOKEN": "dummy", "ANTHROPIC_API_KEY": ""}
    repo.write_tasks({"id": "A-1", "description": "SEC-1: write a.txt: at last", "runtime": "claude"})
    daemon = start(repo, "--until-idle", env=subscription)
    assert daemon.wait(patience_sec=_LONGEST_SEC) == 0, daemon.log[-4000:]
    held = repo.events("runtime-held")
    assert held, daemon.log[-4000:]
    assert repo.on_main("a.txt") == "at last"
    assert repo.events("attempt-failed") == []
    assert repo.squashes() == {"A-1": 1}
