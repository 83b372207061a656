"""A session's line to the daemon: requests over the control socket, and a heartbeat while the session is at work."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from mosaic_daemon.ground import controlsocket
from mosaic_daemon.ground.errors import InputError, MosaicError, Unavailable

_BEATS = 4  # in a lease
_FIRST_LEASE_SEC = 120.0
_FIRST_SILENCE_SEC = 900.0
_ANSWER_SEC = 30.0


class SessionLine:
    """One session, from the start of its MCP server to its end.

    A session that thinks, or waits for a subagent, calls nothing for a while: its leases are renewed for it, but not
    for longer than `silence_sec` after its last call. What has stopped calling for good then loses its task.
    """

    def __init__(self, socket: Path) -> None:
        self.session = f"s-{uuid.uuid4().hex[:12]}"
        self._socket = socket
        self._agent = ""
        self._context: int | None = None
        self._lease_sec = _FIRST_LEASE_SEC
        self._silence_sec = _FIRST_SILENCE_SEC
        self._is_attached = False
        self._called = time.monotonic()

    async def ask(self, op: str, **args: Any) -> dict[str, Any]:
        """What the daemon answers to a call of the session.

        Raises:
            MosaicError: it refuses, or none is running.
        """
        self._called = time.monotonic()
        self._agent = args.pop("agent", "") or self._agent
        if args.get("context") is not None:
            self._context = args["context"]
        self._is_attached = True
        answer = await self._send(op, args)
        self._lease_sec = float(answer.get("lease_sec", self._lease_sec))
        self._silence_sec = float(answer.get("silence_sec", self._silence_sec))
        return {name: value for name, value in answer.items() if name not in ("lease_sec", "silence_sec")}

    async def beat(self) -> None:
        """Renew what the session has, until cancelled."""
        while True:
            await anyio.sleep(self._lease_sec / _BEATS)
            is_silent = time.monotonic() - self._called > self._silence_sec
            if self._is_attached and not is_silent:
                try:
                    await self._send("renew", {})
                except MosaicError:
                    continue  # the next call of the session is told

    async def leave(self) -> None:
        """The session ends."""
        if self._is_attached:
            try:
                await self._send("leave", {})
            except MosaicError:
                return

    async def _send(self, op: str, args: dict[str, Any]) -> dict[str, Any]:
        whole = {**args, "op": op, "session": self.session, "agent": self._agent, "context": self._context}

        def call() -> Any:
            return controlsocket.call(self._socket, "session", timeout_sec=_ANSWER_SEC, **whole)

        try:
            answer = await anyio.to_thread.run_sync(call)
        except (FileNotFoundError, ConnectionRefusedError):
            raise Unavailable("no daemon is running here", remedy="start it: `mosaic-orchestrator run`") from None
        if not isinstance(answer, dict):
            raise InputError("the daemon answered something else than was asked")
        return answer
