"""The tick in a world of its own: real stages and faces, a journal, a rail, a forge and commits in memory.

The daemon can die at any instant of it: before or after anything enters the journal, and before or after any word to
the forge, to the rail or to the base branch.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from mosaic_daemon.faces.deferrals import DeferredErrors
from mosaic_daemon.faces.learnings import LEARNINGS, Learnings
from mosaic_daemon.faces.queue import QueueFace
from mosaic_daemon.faces.table import TableFace
from mosaic_daemon.forges.base import Answer, Proposal, Verdict
from mosaic_daemon.forges.memory import MemoryForge
from mosaic_daemon.forges.releases import InternalReleases
from mosaic_daemon.ground.layout import TABLE, Layout
from mosaic_daemon.ground.settings import MilestoneSettings, WorkerSettings
from mosaic_daemon.lines import Lines
from mosaic_daemon.milestone.release import Milestones, Place
from mosaic_daemon.nouns.events import GateResumed
from mosaic_daemon.nouns.gate import Step
from mosaic_daemon.nouns.phase import DEFERRED_ERRORS
from mosaic_daemon.nouns.record import Gating
from mosaic_daemon.nouns.review import Aspect
from mosaic_daemon.parts import Parts, Report
from mosaic_daemon.planning.completion import Completion
from mosaic_daemon.planning.learning.conclusions import Conclusions
from mosaic_daemon.planning.papers.capfile import CapFile
from mosaic_daemon.planning.papers.places import Places
from mosaic_daemon.repository.clone import BaseMoved, Clone
from mosaic_daemon.repository.commits import Change
from mosaic_daemon.repository.qa_reports import QaReports
from mosaic_daemon.repository.tags import Tag, Tags
from mosaic_daemon.repository.worktrees import Worktrees
from mosaic_daemon.runtimes.base import Runtime
from mosaic_daemon.stages.collect import Judge
from mosaic_daemon.stages.delegation import Delegation
from mosaic_daemon.stages.dispatch import Workplace
from mosaic_daemon.stages.gate import GatePolicy
from mosaic_daemon.stages.publish import Publisher
from mosaic_daemon.stages.review import ReviewPolicy, Reviews
from mosaic_daemon.stages.review.reviewers import Desk
from mosaic_daemon.stages.schedule import Schedule
from mosaic_daemon.stages.spending import Spending
from mosaic_daemon.store.base import Batch
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.store.memory import MemoryJournal
from mosaic_daemon.tick import Tick
from mosaic_daemon.tracking.table import parse
from mosaic_rails.base import Cause, Errand, Observation, Offered, Order, Running
from mosaic_rails.memory import End, MemoryRail
from tests.samples import NOON

#: An agent that reports limits and tokens; its program is on every system, and nobody starts it.
AGENT = Runtime("agent", ("sh",), "file", "claude-stream-json", MappingProxyType({}), ())


_PROJECT = {"PROJECT": "app", "MILESTONE": "", "TASK_PREFIX": "T"}


class Killed(BaseException):
    """The daemon dies here: everything but the journal, the rail, the forge and the files is gone."""


@dataclass(slots=True)
class Fuse:
    """Attributes:
    left: the daemon dies after so many more instants, and is dead from then on; None: it lives.
    """

    left: int | None = None

    def burn(self) -> None:
        if self.left is None:
            return
        self.left = max(0, self.left - 1)
        if self.left == 0:
            raise Killed


class MortalJournal(MemoryJournal):
    """What is committed is durable, whether or not the daemon lives to hear of it."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self._fuse = fuse

    def commit(self, batch: Batch) -> int:
        self._fuse.burn()
        last = super().commit(batch)
        self._fuse.burn()
        return last


class MortalRail(MemoryRail):
    """Workers live on when the daemon dies. What is done side by side is mixed at each of these calls."""

    def __init__(self, logs: Path, now: Callable[[], datetime], fuse: Fuse) -> None:
        super().__init__(logs, now=now)
        self._fuse = fuse

    async def offer(self, order: Order | Errand) -> None:
        await asyncio.sleep(0)
        self._fuse.burn()
        await super().offer(order)
        self._fuse.burn()

    async def observe(self, attempt: str) -> Observation:
        await asyncio.sleep(0)
        self._fuse.burn()
        return await super().observe(attempt)

    async def revoke(self, attempt: str) -> None:
        self._fuse.burn()
        await super().revoke(attempt)
        self._fuse.burn()

    async def settle(self, attempt: str) -> None:
        self._fuse.burn()
        await super().settle(attempt)


class WatchedForge(MemoryForge):
    """Attributes:
    needless: gates whose merge was asked for again when it could be seen on the base branch.
    """

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self.hooks.append(lambda _operation, _when: fuse.burn())
        self.needless: list[str] = []

    async def merge(self, proposal: Proposal, base_sha: str) -> Answer:
        if proposal.gate in self.merges:
            self.needless.append(proposal.gate)
        return await super().merge(proposal, base_sha)


class Commits:
    """What the daemon asks of its clone, answered from the forge's history and the workers' heads."""

    branch = "main"

    def __init__(self, forge: MemoryForge, fuse: Fuse) -> None:
        self._forge = forge
        self._fuse = fuse
        self.heads: dict[str, str] = {}
        self.on_land: Callable[[], None] = lambda: None

    @property
    def commits(self) -> Commits:
        return self

    @property
    def git(self) -> Commits:
        return self

    async def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        return not self._forge.history.above(descendant, ancestor)

    async def base(self) -> str:
        return self._forge.head

    async def take(self, _source: Path, _branch: str, name: str) -> str | None:
        return self.heads.get(name.removeprefix("attempts/"))

    async def changes(self, base: str, head: str) -> tuple[Change, ...]:
        before, after = (self._forge.history[sha].files for sha in (base, head))
        paths = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
        return tuple(Change(path, "100644", after.get(path, "")) for path in paths)

    async def fork_point(self, head: str) -> str | None:
        own = self._forge.history.above(self._forge.head, head)
        return own[-1].parent if own else head

    async def forget(self, _names: object) -> None: ...

    async def fast_forward_checkout(self) -> None: ...

    async def read(self, revision: str, path: str) -> bytes | None:
        text = self._forge.history[revision].files.get(path)
        return None if text is None else text.encode()

    async def commits_of(self, revision: str, path: str, limit: int, *, beginning: str = "") -> list[str]:
        history = self._forge.history
        line = [*history.above(history.first, revision), history[history.first]]
        changed = (
            each.sha
            for each in line
            if each.files.get(path) != (history[each.parent].files.get(path) if each.parent else None)
            and each.message.startswith(beginning)
        )
        return list(changed)[:limit]

    async def commit_files(self, base: str, files: Mapping[str, bytes | None], message: str, _at: datetime) -> str:
        changes = {path: None if data is None else data.decode() for path, data in files.items()}
        return self._forge.history.commit(base, changes, message)

    async def files(self, sha: str, folder: str) -> list[str]:
        return sorted(path for path in self._forge.history[sha].files if path.startswith(folder))

    async def committed_at(self, sha: str) -> int:
        return len(self._forge.history.above(self._forge.history.first, sha))

    async def find_trailer(self, name: str, value: str, since: str) -> str | None:
        above = self._forge.history.above(since, self._forge.head)
        return next((each.sha for each in above if f"{name}: {value}" in each.message.splitlines()), None)

    async def land(self, commit: str, base: str) -> None:
        self._fuse.burn()
        if self._forge.head != base:
            raise BaseMoved
        self.on_land()
        self._forge.head = commit
        self._fuse.burn()


class MemoryTags:
    """The origin's tags. `pushes`: how often each was made."""

    def __init__(self, fuse: Fuse) -> None:
        self._fuse = fuse
        self._tags: dict[str, Tag] = {}
        self.pushes: Counter[str] = Counter()

    async def all(self) -> dict[str, Tag]:
        self._fuse.burn()
        return dict(self._tags)

    async def find(self, name: str) -> Tag | None:
        return (await self.all()).get(name)

    async def push(self, name: str, commit: str, _message: str, _at: datetime) -> None:
        self._fuse.burn()
        if name not in self._tags:
            self._tags[name] = Tag(name, f"tag of {commit}", commit)
            self.pushes[name] += 1
        self._fuse.burn()


async def _no_forge(_tag: str) -> InternalReleases:
    return InternalReleases()


class Hands:
    """A clock that somebody else moves."""

    def __init__(self, read: Callable[[], datetime]) -> None:
        self.now = read


class Folders:
    """Working directories that nobody looks into."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._names: set[str] = set()

    def names(self) -> list[str]:
        return sorted(self._names)

    def path(self, name: str) -> Path:
        return self._root / name

    async def ensure(self, name: str, _branch: str, _base: str, *, origin: str | None = None) -> Path:
        self._names.add(name)
        return self.path(name)

    async def remove(self, name: str) -> None:
        self._names.discard(name)

    def is_at(self, _name: str, _branch: str, _sha: str) -> bool:
        return False

    async def dirty(self, _name: str, _head: str) -> tuple[()]:
        return ()


class World:
    """One repository. `restart` is what a crash leaves of the daemon.

    Attributes:
        reviewers: the rail of the reviewers, who outlive the daemon as workers do.
        verdicts: what CI says next, by question; green when there is nothing more.
    """

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(folder)
        for each in (self.layout.attempts, self.layout.results, self.layout.history, folder / "logs"):
            each.mkdir(parents=True)
        self.now = NOON
        self._fuse = Fuse()
        self.journal = MortalJournal(self._fuse)
        self.rail = MortalRail(folder / "logs", lambda: self.now, self._fuse)
        self.reviewers = MortalRail(folder / "logs", lambda: self.now, self._fuse)
        self.checkouts = Folders(self.layout.reviews / "trees")
        self.forge = WatchedForge(self._fuse)
        self.commits = Commits(self.forge, self._fuse)
        self.commits.on_land = self._no_gate_is_in_its_window
        self.tags = MemoryTags(self._fuse)
        self.verdicts: defaultdict[str, list[Verdict]] = defaultdict(list)
        self.forge.ci = lambda question, _sha: (
            self.verdicts[question].pop() if self.verdicts[question] else Verdict.GREEN
        )
        self._loop = asyncio.new_event_loop()
        self.restart()

    def restart(self) -> None:
        """A new daemon over what is durable."""
        self._fuse.left = None
        ledger = Ledger(self.journal)
        clone = cast("Clone", self.commits)
        trees = cast("Worktrees", Folders(self.layout.worktrees))
        places = Places(self.layout.repo)
        learnings, deferrals = Learnings(ledger, clone, _PROJECT, None), DeferredErrors(ledger, clone, places.of)
        queue, table = QueueFace(self.layout, ledger), TableFace(self.layout, ledger, clone, learnings, deferrals)
        worker = WorkerSettings(runtime="agent")
        runtimes = {"agent": AGENT}
        place = Workplace(
            self.layout, clone, trees, {"process": self.rail}, runtimes, worker, {"PATH": "/bin:/usr/bin"}
        )
        desk = Desk(
            self.layout.reviews,
            clone,
            cast("Worktrees", self.checkouts),
            self.reviewers,
            runtimes,
            {"PATH": "/bin:/usr/bin"},
        )
        reports = QaReports(self.layout.repo)
        milestones = Milestones(
            Place(
                ledger=ledger,
                clone=clone,
                tags=cast("Tags", self.tags),
                forge=self.forge,
                policy=GatePolicy("main"),
                settings=MilestoneSettings(),
                reports=reports,
                project="app",
                provider="internal",
                tracks=True,
                open_releases=_no_forge,
            )
        )
        scripts = dict.fromkeys(Aspect, ("sh", "{output}"))
        self.ledger = ledger
        delegation = Delegation("process", place.rails)
        self.tick = Tick(
            Parts(
                ledger=ledger,
                clone=clone,
                place=place,
                judge=Judge(self.layout, clone, trees, worker.retries),
                reviews=Reviews(desk, ReviewPolicy("auto", scripts, runtime="agent")),
                forge=self.forge,
                policy=GatePolicy("main"),
                queue=queue,
                table=table,
                publisher=Publisher(queue, table, timedelta(seconds=10), table_enabled=True),
                schedule=Schedule("agent", delegation),
                spending=Spending(),
                conclusions=Conclusions(ledger, reports, self.layout.repo),
                completion=Completion(ledger, places.of, in_a_file=True),
                milestones=milestones,
                cap=CapFile(self.layout.repo, None),
                delegation=delegation,
                lines=Lines(place.rails),
                clock=Hands(lambda: self.now),
                max_workers=2,
                default_runtime="agent",
            )
        )

    def run(self, dies_after: int | None = None) -> Report | None:
        """One tick; None when the daemon died in it, after so many instants, and a new one stands in its place."""
        self._fuse.left = dies_after
        try:
            return self._loop.run_until_complete(self.tick.run(rescan=True))
        except* Killed:
            self.restart()
        finally:
            self._fuse.left = None
        return None

    def close(self) -> None:
        self._loop.close()

    # --- people -------------------------------------------------------------------------------------------------------

    def edit(self, change: Callable[[list[dict[str, Any]]], None]) -> bool:
        """A person edits the queue's file; False when it cannot be read."""
        document = self._queue()
        if document is None:
            return False
        change(document["tasks"])
        self.write(json.dumps(document).encode())
        return True

    def queued(self) -> dict[str, str]:
        """The status of every entry that the queue's file shows, by id."""
        document = self._queue() or {"tasks": []}
        return {entry["id"]: entry.get("status", "") for entry in document["tasks"] if "id" in entry}

    def shown(self) -> dict[str, str]:
        """The status of every row that the table on the base branch shows, by id."""
        text = self.forge.history[self.forge.head].files.get(TABLE, "")
        return {row.cells["id"]: row.cells["status"] for row in parse(text, source=TABLE).rows}

    def learnings(self) -> list[dict[str, Any]]:
        """The entries of the learnings file on the base branch."""
        text = self.forge.history[self.forge.head].files.get(LEARNINGS)
        entries: list[dict[str, Any]] = json.loads(text)["learnings"] if text else []
        return entries

    def deferred_errors(self) -> list[str]:
        """The tasks of the sections in the file of deferred errors on the base branch."""
        text = self.forge.history[self.forge.head].files.get(DEFERRED_ERRORS, "")
        return re.findall(r"^## (\S+):", text, flags=re.MULTILINE)

    def _queue(self) -> dict[str, Any] | None:
        file = self.layout.tasks
        try:
            document: dict[str, Any] = json.loads(file.read_bytes()) if file.exists() else {"version": 1, "tasks": []}
        except ValueError:
            return None
        return document

    def write(self, text: bytes) -> None:
        """A person replaces the queue's file."""
        temporary = self.layout.tasks.with_name("person")
        temporary.write_bytes(text)
        temporary.replace(self.layout.tasks)

    def edit_table(self, change: Callable[[str], str]) -> None:
        """A person commits another table to the base branch, if there is one."""
        shown = self.forge.history[self.forge.head].files.get(TABLE)
        if shown is not None and (text := change(shown)) != shown:
            self.forge.push({TABLE: text}, "a person's table")

    # --- workers ------------------------------------------------------------------------------------------------------

    def states(self, wanted: type[Offered] | type[Running]) -> list[str]:
        """Attempts that the rail has in this state."""
        return [attempt for attempt in self.rail.orders if isinstance(self._seen(self.rail, attempt), wanted)]

    def work(self) -> None:
        """Who has started succeeds, who has not starts; reviewers approve."""
        for run in self.reviewing(Running):
            self.review(run, "approves")
        for run in self.reviewing(Offered):
            self.reviewers.start(run)
        for attempt in self.states(Running):
            self.succeed(attempt, rebases=True)
        for attempt in self.states(Offered):
            self.rail.start(attempt)

    def succeed(self, attempt: str, path: str = "", *, rebases: bool = False) -> None:
        """The worker commits a file and reports it; it may bring what it goes on from to the newest base first."""
        head = self.commit_work(attempt, path, rebases=rebases)
        self.report(attempt, status="success", commit_sha=head)

    def commit_work(self, attempt: str, path: str = "", *, rebases: bool = False) -> str:
        task = attempt.rpartition(".")[0]
        base = self.rail.orders[attempt].env["MOSAIC_BASE_SHA"]
        if rebases:
            base = self._rebased(base)
        head = self.forge.history.commit(base, {path or f"{task}.txt": attempt}, attempt)
        self.commits.heads[attempt] = head
        return head

    def _rebased(self, sha: str) -> str:
        """The same work on top of the base branch; its own side wins where they conflict."""
        history, onto = self.forge.history, self.forge.head
        for commit in reversed(history.above(onto, sha)):
            before = history[commit.parent].files if commit.parent else {}
            changed = {path: text for path, text in commit.files.items() if before.get(path) != text}
            onto = history.commit(onto, changed, commit.message)
        return onto if history.above(self.forge.head, sha) else sha

    def report(self, attempt: str, **result: Any) -> None:
        """The worker says this at its end, if it says anything."""
        says = {"task_id": attempt.rpartition(".")[0], "notes": "", "used": "1K", **result} if result else None
        ended = {"type": "result", "subtype": "success", "is_error": False, "result": json.dumps(says) if says else ""}
        self._finish(attempt, [ended])

    def limited(self, attempt: str, until: datetime) -> None:
        """The provider refuses to go on."""
        info = {"status": "rejected", "resetsAt": int(until.timestamp())}
        ended = {"type": "result", "subtype": "success", "is_error": True, "result": "You have hit your limit"}
        self._finish(attempt, [{"type": "rate_limit_event", "rate_limit_info": info}, ended], exit_code=1)

    # --- reviewers ----------------------------------------------------------------------------------------------------

    def reviewing(self, wanted: type[Offered] | type[Running]) -> list[str]:
        """Runs of reviewers that the rail has in this state."""
        return [run for run in self.reviewers.orders if isinstance(self._seen(self.reviewers, run), wanted)]

    def review(self, run: str, how: str) -> None:
        """A reviewer at work ends, in one of the ways that reviewers do."""
        head = self.reviewers.orders[run].env["MOSAIC_HEAD_SHA"]
        count = {"finds": 1, "contradicts": 1}.get(how, 0)
        says: dict[str, Any] = {"verdict": "request-changes" if how == "finds" else "approve"}
        says |= {"head_sha": "f" * 40 if how == "of another head" else head}
        says |= {"stats": {"blockers": count, "critical": 0, "high": 0}, "blockers": count, "critical_security": 0}
        text = "rubbish" if how == "rubbish" else json.dumps(says)
        exit_code = 1 if how in ("badly", "limited") else 0
        if how == "lost":
            self.reviewers.lose(run)
        elif how == "shut down":
            self.reviewers.finish(run, End(cause=Cause.REVOKED, exit_code=None, signal=15))
        elif "-fallback." in run:
            ended: dict[str, Any] = {"type": "result", "subtype": "success", "is_error": False, "result": text}
            if how == "limited":
                ended |= {"is_error": True, "result": "You have hit your limit", "api_error_status": 429}
            self.reviewers.finish(run, End(exit_code=exit_code, output=json.dumps(ended).encode() + b"\n"))
        else:
            if how != "limited":
                Path(self.reviewers.orders[run].argv[1]).write_text(text)
            self.reviewers.finish(run, End(exit_code=exit_code, output=b"API error: 429\n"))

    def _finish(self, attempt: str, lines: Iterable[Any], *, exit_code: int = 0) -> None:
        output = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        self.rail.finish(attempt, End(exit_code=exit_code, output=output))

    def _seen(self, rail: MemoryRail, run: str) -> Observation:
        """Past the fuse: the daemon does not die of what others see."""
        return self._loop.run_until_complete(MemoryRail.observe(rail, run))

    # --- what must hold at an instant ---------------------------------------------------------------------------------

    def in_window(self) -> list[str]:
        """Tasks whose gate is between its queue guard and the CI verdict."""
        gates = {
            record.id: record.state.gate.step
            for record in self.ledger.in_state(Gating)
            if isinstance(record.state, Gating)
        }
        return [task for task, step in gates.items() if step not in (Step.LEASE, Step.MAIN_CLEAR, Step.CLOSE)]

    def resumed(self) -> set[str]:
        """Tasks whose blocked gate a person has had resumed."""
        return {entry.task for _, entry in self.journal.entries() if isinstance(entry.event, GateResumed)}

    def _no_gate_is_in_its_window(self) -> None:
        assert self.in_window() == [], "the table moves the base branch under a gate"
