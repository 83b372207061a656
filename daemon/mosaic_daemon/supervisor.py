"""The daemon's life: what wakes the loop, what ends it, and in which order everything goes down.

One task group owns the watcher, the signals, the socket and the loop. What wakes the loop is a hint; the tick decides.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import anyio
import anyio.abc
from loguru import logger

from mosaic_daemon import commands, control, sessions
from mosaic_daemon.app.assembly import build
from mosaic_daemon.escalation import concerns
from mosaic_daemon.forges.rest.webhook import Doorbell
from mosaic_daemon.ground import sdnotify
from mosaic_daemon.ground.errors import ConfigError, InputError, LedgerError
from mosaic_daemon.ground.git import GitError
from mosaic_daemon.ground.settings import Settings
from mosaic_daemon.herald import Herald
from mosaic_daemon.neighbours import Neighbours
from mosaic_daemon.nouns.events import DrainChanged
from mosaic_daemon.nouns.record import Dispatching, Gating, Reviewing, Running
from mosaic_daemon.nouns.task import Status
from mosaic_daemon.parts import Parts, Report
from mosaic_daemon.repository.worktrees import Worktrees
from mosaic_daemon.tick import Tick
from mosaic_daemon.watch import Watch

HANDSHAKE = "Now initiating Orchestrator mode..."
_LEDGER_RETRY_SEC = 5.0


class Face(Protocol):
    """What people and programs look at while the daemon lives. It asks as the socket does."""

    def want(self, settings: Settings) -> None:
        """Be as the settings say from now on."""

    async def run(self, ask: control.Handler) -> None:
        """Live until cancelled."""


@dataclass(frozen=True, slots=True)
class Mode:
    """How long the daemon lives.

    Attributes:
        once: one tick. until_idle: until nothing is left that could move. Neither: until it is told to end.
    """

    once: bool = False
    until_idle: bool = False


class Supervisor:
    """Runs ticks until it is time to stop. `report`: of the last one."""

    def __init__(self, parts: Parts, settings: Settings, mode: Mode, reload: Any, faces: Sequence[Face] = ()) -> None:
        self._parts = parts
        self._settings = settings
        self._mode = mode
        self._reload = reload
        self._faces = faces
        self._tick = Tick(parts)
        self._doorbell = Doorbell(self._rung)
        self._herald = Herald(parts.ledger, parts.clock, self._say, str(parts.place.layout.repo))
        self._neighbours = Neighbours(parts.place.layout.repo)
        self._wake = anyio.Event()
        self._scope = anyio.CancelScope()
        self._ticking = anyio.Lock()
        self._config_stat = _mtime(parts.place.layout.config)
        self._last_rescan = -1e9
        self._ticked_at = anyio.current_time()
        self._stop_at: float | None = None
        self._started = parts.clock.now()
        self._group: anyio.abc.TaskGroup | None = None
        self._preparing = False
        self._is_ready = False
        self.report = Report()

    async def run(self) -> Report:
        """Live until the mode, a drain or a signal says otherwise."""
        layout = self._parts.place.layout
        watch = Watch(layout, self.wake, lambda: self._settings.run.poll_sec)
        async with AsyncExitStack() as stack:
            listener = await stack.enter_async_context(control.listening(layout.socket))
            group = await stack.enter_async_context(anyio.create_task_group())
            self._group = group
            stack.callback(group.cancel_scope.cancel)
            stack.callback(watch.stop)
            group.start_soon(control.serve, listener, self._handle)
            group.start_soon(watch.run)
            await group.start(self._signals)
            self._listen()
            group.start_soon(self._doorbell.run)
            group.start_soon(self._herald.run)
            for face in self._faces:
                group.start_soon(face.run, self._handle)
            group.start_soon(self._parts.lines.run)
            if (period := sdnotify.watchdog_sec()) is not None:
                group.start_soon(self._keep_waking, period / 3)
            with self._scope:
                await self._loop()
                await self._herald.finish()
            sdnotify.notify(STOPPING=1, STATUS="stopping")
        return self.report

    def _listen(self) -> None:
        """Be woken by whatever the rails and the forge notice."""
        for rail in self._parts.place.rails.values():
            rail.on_change(self.wake)
        self._parts.reviews.desk.rail.on_change(self.wake)
        self._parts.forge.on_change(self.wake)
        self._doorbell.want(self._settings.forge)
        for face in self._faces:
            face.want(self._settings)

    def _say(self, topic: str, message: str) -> None:
        self._tick.tell(topic, message)

    def _rung(self) -> None:
        self._parts.forge.poke()
        self.wake()

    def wake(self) -> None:
        """Look again at once."""
        self._wake.set()

    async def _loop(self) -> None:
        first = True
        while True:
            self._wake = anyio.Event()
            await self._one_tick(rescan=first or self._rescan_is_due())
            if first:
                sdnotify.notify(READY=1)
                self._is_ready = True
                first = False
            sdnotify.notify(WATCHDOG=1, STATUS=self._status_line())
            if self._is_over():
                return
            if not self.report.progress:
                self._prepare_spare()
                with anyio.move_on_after(self._pause_sec()):
                    await self._wake.wait()

    async def _one_tick(self, *, rescan: bool) -> None:
        async with self._ticking:
            try:
                if rescan:
                    self._last_rescan = anyio.current_time()
                await self._reload_settings()
                self._neighbours.take_in(self._parts)
                self.report = await self._tick.run(rescan=rescan)
                self._neighbours.tell(self._parts)
                self._herald.see(concerns(self._parts, self.report), self._parts.notifiers)
            except LedgerError as error:
                logger.error("{}; trying again in {:.0f} s", error.line, _LEDGER_RETRY_SEC)
                sdnotify.notify(STATUS=error.line)
                self._herald.see(concerns(self._parts, self.report, error), self._parts.notifiers)
                self.report = replace(self.report, progress=False, idle=False)
                await anyio.sleep(_LEDGER_RETRY_SEC)
            self._ticked_at = anyio.current_time()

    def _prepare_spare(self) -> None:
        """While nothing moves, make the next start quick in a large repository."""
        worktrees = self._parts.place.worktrees
        if worktrees.wants_spare and self._group is not None and not self._preparing:
            self._preparing = True
            self._group.start_soon(self._spare, worktrees)

    async def _spare(self, worktrees: Worktrees) -> None:
        try:
            await worktrees.keep_spare()
        except (OSError, GitError) as error:
            logger.debug("no spare working directory: {}", error)
        finally:
            self._preparing = False

    def _rescan_is_due(self) -> bool:
        return anyio.current_time() - self._last_rescan >= self._settings.run.poll_sec

    def _pause_sec(self) -> float:
        """Until the next rescan, the tick's own wish, or the end of the grace period, whichever comes first."""
        pauses = [self._last_rescan + self._settings.run.poll_sec - anyio.current_time()]
        if self.report.due is not None:
            pauses.append((self.report.due - self._parts.clock.now()).total_seconds())
        if self._stop_at is not None:
            pauses.append(self._stop_at - anyio.current_time())
        return max(0.0, min(pauses))

    def _is_over(self) -> bool:
        if self._parts.ledger.system.draining and not self._mode.once:
            in_flight = self._parts.ledger.in_state(Dispatching, Running, Reviewing, Gating)
            late = self._stop_at is not None and anyio.current_time() >= self._stop_at
            return not self.report.progress and (late or not in_flight)
        return self._mode.once or (self._mode.until_idle and self.report.idle and not self.report.progress)

    # --- what wakes, what ends ----------------------------------------------------------------------------------------

    async def _keep_waking(self, period: float) -> None:
        while True:
            await anyio.sleep(period)
            self.wake()

    async def _signals(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as received:
            task_status.started()
            async for number in received:
                if number == signal.SIGHUP:
                    self._last_rescan = -1e9
                elif self._stop_at is None:
                    logger.info("{}: draining; again to stop at once", signal.Signals(number).name)
                    self._drain(signal.Signals(number).name, self._settings.run.grace_sec)
                else:
                    self._scope.cancel()
                self.wake()

    def _drain(self, source: str, grace_sec: float | None) -> None:
        if not self._parts.ledger.system.draining:
            self._parts.ledger.append("", DrainChanged(True, source), at=self._parts.clock.now())
        if grace_sec is not None:
            self._stop_at = anyio.current_time() + grace_sec

    async def _reload_settings(self) -> None:
        """Take in a changed configuration; a wrong one keeps the last good settings and is reported."""
        if (stat := _mtime(self._parts.place.layout.config)) == self._config_stat:
            return
        self._config_stat = stat
        try:
            settings = self._reload()
            parts = self._parts
            rebuilt = build(parts.place.layout, settings, parts.clone, parts.ledger, parts.lines)
        except (ConfigError, InputError) as error:
            self._tick.tell("config.toml", f"{error.line}; the last good settings stay")
            return
        self._parts.forge.recorded()
        await self._parts.milestones.aclose()
        await self._parts.forge.aclose()
        self._settings, self._parts = settings, rebuilt
        self._listen()
        self._parts.ledger.mark_all_changed()
        self._tick = Tick(self._parts)
        logger.info("the configuration was loaded again")

    # --- the socket ---------------------------------------------------------------------------------------------------

    async def _handle(self, verb: str, args: Mapping[str, Any]) -> Any:
        match verb:
            case "about":
                return self._about()
            case "wake":
                return self.wake()
            case "cycle":
                await self._one_tick(rescan=True)
                return {"counts": self.report.counts, "stuck": self.report.stuck, "idle": self.report.idle}
            case "drain":
                self._drain(f"drain by {args.get('actor', 'somebody')}", 0.0 if args.get("now") else None)
            case "resume":
                self._stop_at = None
                if self._parts.ledger.system.draining:
                    self._parts.ledger.append("", DrainChanged(False, "drain --resume"), at=self._parts.clock.now())
            case "ask":
                async with self._ticking:
                    answer = await commands.ask(
                        self._parts, args["task"], Status(args["wanted"]), args.get("actor", "socket")
                    )
                self.wake()
                return answer
            case "release":
                async with self._ticking:
                    opening = await self._tick.request_release(
                        args.get("actor", "socket"), str(args.get("milestone", ""))
                    )
                self.wake()
                return {"said": opening.said, "remediation": opening.remediation, "released": opening.released}
            case "release-preview":
                async with self._ticking:  # two that read the origin at once are in each other's way
                    now = self._parts.clock.now()
                    return await self._parts.milestones.preview(now, str(args.get("milestone", "")))
            case "session":
                return sessions.answer(self._parts, args)
            case "sync":
                async with self._ticking:
                    plan = await commands.sync(self._parts, apply=bool(args.get("apply")))
                self.wake()
                return plan.as_dict()
            case _:
                raise InputError(f"this daemon does not know the request {verb!r}")
        self.wake()
        return self._about()

    def _about(self) -> dict[str, Any]:
        ledger, table = self._parts.ledger, self._parts.table
        return {
            "pid": os.getpid(),
            "since": self._started.isoformat(timespec="seconds"),
            "draining": ledger.system.draining,
            "in_flight": [record.id for record in ledger.in_state(Dispatching, Running, Reviewing, Gating)],
            "max_workers": self._parts.max_workers,
            "degraded": [
                *([f"{table.name} is not published: {table.degraded}"] if table.degraded else []),
                *(f"rail {name}: {trouble}" for name, trouble in self._parts.delegation.troubles.items()),
            ],
            "sessions": sessions.attached(self._parts),
            "status": self._status_line(),
            "ready": self._is_ready,
            "seq": ledger.seq,
            "late_sec": round(anyio.current_time() - self._ticked_at - self._settings.run.poll_sec, 3),
        }

    def _status_line(self) -> str:
        counts = self.report.counts
        shown = ", ".join(f"{counts[status]} {status}" for status in Status if counts.get(status))
        return f"{'draining: ' if self._parts.ledger.system.draining else ''}{shown or 'no tasks'}"


def _mtime(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None
