"""Reviewers as runs on a rail: each started at most once, ever, adopted after a restart, and read when it has ended.

The name of a run says everything: attempt, round, reviewer and number. What was started before is found under it, so
nothing about runs has to be remembered.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import anyio.to_thread

from mosaic_daemon.ground import atomicfile, templates
from mosaic_daemon.ground.failpoints import failpoint
from mosaic_daemon.ground.secrets import redact
from mosaic_daemon.nouns.attempt import Attempt
from mosaic_daemon.nouns.gate import Hold
from mosaic_daemon.nouns.record import Record
from mosaic_daemon.nouns.review import Aspect, Review, Verdict
from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.repository.worktrees import Worktrees
from mosaic_daemon.runtimes.base import DEFAULTS, Runtime, environment, invocation
from mosaic_daemon.stages.review import ends
from mosaic_daemon.stages.review.policy import ReviewPolicy, filled
from mosaic_daemon.stages.review.reading import NoVerdict
from mosaic_rails.base import Absent, Cause, Ended, Limits, Lost, Offered, Order, Rail, Running

SCRIPTS = "codex"  #: the runtime that the two scripts call
_PROMPT = "orchestrator/review-prompt.md.template"
_TRIES, _LOST_TRIES, _MOST_HOLDS = 2, 3, 24
_HOLD_WITHOUT_TIME, _LONGEST_HOLD = timedelta(minutes=5), timedelta(hours=6)
_TAIL = 2000


@dataclass(frozen=True, slots=True)
class Pending:
    """It is at work. `hold`: it waits for a provider's limit."""

    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class Nothing:
    """This reviewer came to no verdict. `command`: what shows it again, in the folder `cwd`. `used`: tokens."""

    reason: str
    command: str = ""
    cwd: str = ""
    tail: str = ""
    used: int | None = None


Said = Verdict | Pending | Nothing


@dataclass(frozen=True, slots=True)
class Desk:
    """Where reviewers work.

    Attributes:
        root: records and outputs of their runs; `trees`: their checkouts, apart from the workers'.
        environment: the daemon's own, from which the allow-listed names are handed on: none of a forge's.
        templates: the folder searched first, or None.
    """

    root: Path
    clone: Clone
    trees: Worktrees
    rail: Rail
    runtimes: Mapping[str, Runtime]
    environment: Mapping[str, str]
    templates: Path | None = None


@dataclass(frozen=True, slots=True)
class _Reviewer:
    """One of those who are asked about a change.

    Attributes:
        key: the name of its runs without their number.
        runtime: whose environment it gets. order: what is run, by the name of the run and its checkout.
        understand: the verdict in how a run ended; raises NoVerdict.
        used: the tokens a run took.
    """

    key: str
    runtime: Runtime
    order: Callable[[str, Path], Order]
    understand: Callable[[str, Ended], Verdict]
    used: Callable[[str, Ended], int | None]


class Reviewers:
    """Who reviews one change of one attempt."""

    def __init__(self, desk: Desk, policy: ReviewPolicy, record: Record, attempt: Attempt, review: Review) -> None:
        self._desk = desk
        self._policy = policy
        self._record = record
        self._attempt = attempt
        self._review = review

    async def script(self, aspect: Aspect, now: datetime) -> Said:
        """What the primary reviewer of this aspect says."""
        template = self._policy.scripts.get(aspect, ())
        if not may_use_scripts(self._policy, self._attempt.runtime):
            return Nothing(f"the {aspect} review is not by {SCRIPTS}, whose work it is")
        if not template:
            return Nothing(f"there is no {aspect} reviewer: `review.{aspect}` is empty")
        if not is_there(template[0], self._desk.environment):
            shown = shlex.join(self._script_argv(template, f"{self._key(aspect.value)}.1", self._desk.clone.root))
            return Nothing(f"there is no {aspect} reviewer: `{template[0]}` cannot be found", shown)
        reviewer = _Reviewer(
            self._key(aspect.value),
            self._desk.runtimes.get(SCRIPTS, DEFAULTS[SCRIPTS]),
            lambda name, tree: self._script_order(template, name, tree),
            lambda name, end: ends.of_script(aspect, end, self._output(name), self._review.head_sha),
            lambda name, end: ends.used_by_script(end, self._output(name)),
        )
        return await self._ask(reviewer, now)

    async def fallback(self, now: datetime) -> Said:
        """What the reviewing agent says; it looks at everything at once."""
        name = fallback_runtime(self._policy, self._attempt.runtime)
        runtime = self._desk.runtimes.get(name)
        if runtime is None or not runtime.command:
            return Nothing("there is no fallback reviewer" + (f": runtime `{name}` is not configured" if name else ""))
        if not is_there(runtime.command[0], self._desk.environment):
            return Nothing(f"there is no fallback reviewer: `{runtime.command[0]}` cannot be found")
        reviewer = _Reviewer(
            self._key("fallback"),
            runtime,
            lambda run, tree: self._agent_order(runtime, run, tree),
            lambda _run, end: ends.of_agent(runtime, end, self._review.head_sha),
            lambda _run, end: ends.used_by_agent(runtime, end),
        )
        return await self._ask(reviewer, now)

    def _key(self, who: str) -> str:
        return f"{prefix(self._attempt, self._review)}{who}"

    async def _ask(self, reviewer: _Reviewer, now: datetime) -> Said:
        """Look at this reviewer's runs, oldest first, and start the next where one is due. All of them cost tokens."""
        number, tries, lost, holds, used = 1, 0, 0, 0, None
        while True:
            name = f"{reviewer.key}.{number}"
            seen = await self._desk.rail.observe(name)
            number += 1
            match seen:
                case Absent() | Offered():
                    await self._start(reviewer, name)
                    return Pending()
                case Running():
                    return Pending()
                case Lost(detail=detail) | Ended(cause=Cause.REVOKED, detail=detail):  # by a shutdown
                    lost += 1
                    if lost >= _LOST_TRIES:
                        reason = f"its runs were lost {lost} times: {detail}"
                        return replace(self._nothing(reviewer, name, reason, b""), used=used)
                    continue
            used = total(used, reviewer.used(name, seen))
            try:
                return replace(reviewer.understand(name, seen), used=used)
            except ends.Limited as limited:
                holds += 1
                until = min(limited.until or seen.ended_at + _HOLD_WITHOUT_TIME, seen.ended_at + _LONGEST_HOLD)
                if holds >= _MOST_HOLDS:
                    return replace(self._nothing(reviewer, name, str(limited), ends.log(seen)), used=used)
                if now < until:
                    return Pending(Hold(f"the reviewer waits: {limited}", until))
            except NoVerdict as error:
                tries += 1
                if tries >= _TRIES or isinstance(error, ends.Unavailable):
                    return replace(self._nothing(reviewer, name, str(error), ends.log(seen)), used=used)

    async def _start(self, reviewer: _Reviewer, name: str) -> None:
        clone, review = self._desk.clone, self._review
        home = self._desk.root / name
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        tree = await self._desk.trees.ensure(name, self._attempt.branch, review.head_sha, origin=review.base_sha)
        await anyio.to_thread.run_sync(_protect, tree)
        order = reviewer.order(name, tree)
        variables = {
            "MOSAIC_TASK_ID": self._record.id,
            "MOSAIC_ATTEMPT": name,
            "MOSAIC_BRANCH": self._attempt.branch,
            "MOSAIC_BASE_BRANCH": clone.branch,
            "MOSAIC_BASE_SHA": review.base_sha,
            "MOSAIC_HEAD_SHA": review.head_sha,
            **order.env,
        }
        env = environment(reviewer.runtime, self._desk.environment, variables)
        failpoint("review.prepared")
        await self._desk.rail.offer(replace(order, env=env))
        failpoint("review.offered")

    # --- the two scripts ----------------------------------------------------------------------------------------------

    def _script_order(self, template: tuple[str, ...], name: str, tree: Path) -> Order:
        return Order(name, self._script_argv(template, name, tree), {}, tree, limits=self._limits)

    def _script_argv(self, template: tuple[str, ...], name: str, tree: Path) -> tuple[str, ...]:
        values = {
            "base_branch": self._desk.clone.branch,
            "output": str(self._output(name)),
            "task_id": self._record.id,
            "branch": self._attempt.branch,
            "head_sha": self._review.head_sha,
            "worktree": str(tree),
        }
        return filled(template, values)

    def _output(self, name: str) -> Path:
        return self._desk.root / name / "review.json"

    # --- the fallback -------------------------------------------------------------------------------------------------

    def _agent_order(self, runtime: Runtime, name: str, tree: Path) -> Order:
        prompt = self._desk.root / name / "prompt.md"
        task = self._record.task
        values = {
            "branch": self._attempt.branch,
            "base_branch": self._desk.clone.branch,
            "id": task.id,
            "description": task.description,
        }
        atomicfile.write(prompt, templates.fill(_PROMPT, values, folder=self._desk.templates).encode())
        call = invocation(runtime, prompt, tree)
        return Order(name, call.argv, {"MOSAIC_PROMPT_FILE": str(prompt)}, tree, call.stdin, self._limits)

    # --- pieces -------------------------------------------------------------------------------------------------------

    @property
    def _limits(self) -> Limits:
        return Limits(timeout_sec=self._policy.timeout_sec, stall_sec=0)

    def _nothing(self, reviewer: _Reviewer, name: str, reason: str, log: bytes) -> Nothing:
        tree = self._desk.trees.path(name)
        argv = reviewer.order(name, tree).argv
        tail = redact(log[-_TAIL:].decode("utf-8", "replace"))
        return Nothing(f"`{Path(argv[0]).name}`: {redact(reason)}", redact(shlex.join(argv)), str(tree), tail)


def prefix(attempt: Attempt, review: Review) -> str:
    """How the names of all runs of one round begin."""
    return f"{attempt.name}-review{review.round}-"


def may_use_scripts(policy: ReviewPolicy, author: str) -> bool:
    """Whether the scripts may review the work of this runtime."""
    return not (policy.other_runtime and author == SCRIPTS)


def fallback_runtime(policy: ReviewPolicy, author: str) -> str:
    """The runtime of the reviewing agent; empty when there is none.

    Nobody knows whether a command that people have configured can do more than the work it is called for.
    """
    own = author if author in DEFAULTS and DEFAULTS[author].command else ""
    name = policy.runtime or own
    return "" if policy.other_runtime and name == author else name


def total(*figures: int | None) -> int | None:
    """Tokens in all; None when nobody said."""
    told = [figure for figure in figures if figure is not None]
    return sum(told) if told else None


def is_there(program: str, environment: Mapping[str, str]) -> bool:
    """Whether a command can be started."""
    return shutil.which(program, path=environment.get("PATH")) is not None


def _protect(tree: Path) -> None:
    """Let nobody change the reviewed files by accident."""
    for folder, names, files in os.walk(tree):
        if ".git" in names:
            names.remove(".git")
        for file in (Path(folder, name) for name in files):
            if not file.is_symlink():
                file.chmod(file.stat().st_mode & ~0o222)
