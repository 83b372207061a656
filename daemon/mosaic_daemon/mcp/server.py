"""The MCP server: one per session, started by the agent, on its standard input and output."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from mosaic_daemon.ground.errors import MosaicError
from mosaic_daemon.mcp.line import SessionLine

_WAIT_SEC = 20.0
_LOOK_SEC = 0.5

_INSTRUCTIONS = """\
You can work on tasks of this repository's orchestrator. `attach` first. `claim_task` gives you one: its prompt, and a
working directory of its own that is on the task's branch already. Work and commit only there; never touch docs/TASKS.md
or .mosaic/. Then `submit_result` with the JSON that the prompt asks for. While you work, call `report_progress` now and
then with how full your context is. When an answer's `checkpoint` is not empty, do what it says."""


def build(line: SessionLine) -> MCPServer:
    """The server with its tools, for one session."""

    @asynccontextmanager
    async def lifespan(_: MCPServer) -> AsyncIterator[None]:
        async with anyio.create_task_group() as group:
            group.start_soon(line.beat)
            yield
            group.cancel_scope.cancel()

    server = MCPServer("mosaic-orchestrator", instructions=_INSTRUCTIONS, lifespan=lifespan)
    _add_tools_about_tasks(server, line)
    _add_tools_about_work(server, line)
    return server


async def serve(socket: Path) -> None:
    """Serve until the agent closes its end."""
    line = SessionLine(socket)
    try:
        await build(line).run_stdio_async()
    finally:
        with anyio.CancelScope(shield=True):
            await line.leave()


def _add_tools_about_tasks(server: MCPServer, line: SessionLine) -> None:
    @server.tool()
    async def attach(agent: str, context_percent: int | None = None) -> dict[str, Any]:
        """Attach this session, so that tasks are offered to it. `agent`: what you are, in a few words."""
        return await _told(line.ask("attach", agent=agent, context=context_percent))

    @server.tool()
    async def list_tasks() -> dict[str, Any]:
        """The attempts that wait for a session, yours, and all tasks that are not done yet."""
        return await _told(line.ask("list"))

    @server.tool()
    async def claim_task(task: str = "") -> dict[str, Any]:
        """Get a task: the named one, or whichever waits. Waits some seconds for one; call it again to wait longer."""
        with anyio.move_on_after(_WAIT_SEC):
            while True:
                answer = await _told(line.ask("claim", attempt=task))
                if answer["attempt"] or answer["checkpoint"]:
                    return answer
                await anyio.sleep(_LOOK_SEC)
        return await _told(line.ask("claim", attempt=task))

    @server.tool()
    async def why_blocked(task: str) -> dict[str, Any]:
        """Why a task is where it is and does not move, line by line."""
        return await _told(line.ask("why", attempt=task))


def _add_tools_about_work(server: MCPServer, line: SessionLine) -> None:
    @server.tool()
    async def read_prompt(attempt: str = "") -> dict[str, Any]:
        """The prompt, directory and branch of an attempt of yours, again."""
        return await _told(line.ask("prompt", attempt=attempt))

    @server.tool()
    async def renew(attempt: str = "") -> dict[str, Any]:
        """Say that you are still at it. Happens by itself while you call any of these tools now and then."""
        return await _told(line.ask("renew", attempt=attempt))

    @server.tool()
    async def report_progress(note: str, context_percent: int, attempt: str = "") -> dict[str, Any]:
        """Say what you are doing, and how full your context is in percent."""
        return await _told(line.ask("renew", attempt=attempt, note=note[:400], context=context_percent))

    @server.tool()
    async def submit_result(result: str, attempt: str = "") -> dict[str, Any]:
        """Hand in an attempt: `result` is the JSON object that its prompt asks for, as text. Commit before."""
        return await _told(line.ask("submit", attempt=attempt, result=result))


async def _told(asking: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    try:
        return await asking
    except MosaicError as error:
        raise ToolError(error.line) from error
