"""Who works, and within which limits."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from mosaic_daemon.ground.settings.group import Group, TokenFigure


class RunSettings(Group):
    """How the loop runs."""

    poll_sec: float = Field(default=10.0, gt=0, le=3600)
    """Seconds between full rescans. File events wake the loop earlier; a rescan finds what they missed."""

    max_workers: int = Field(default=2, ge=1, le=2)
    """How many workers may be alive at once in this repository: 1 or 2."""

    delegation: Literal["auto", "native", "process", "matrix", "nats"] = "auto"
    """Which rail attempts take when the task names none. `auto`: an attached agent session, else the configured fleet,
    else `process`; see docs/rails.md."""

    grace_sec: float = Field(default=20.0, ge=0, le=3600)
    """How many seconds SIGTERM waits for work in flight before it leaves the workers running for the next daemon. A
    service manager has to wait longer than that."""


class WorkerSettings(Group):
    """What an attempt may take."""

    runtime: str = "claude"
    """The runtime of tasks that name none: a name under `runtimes`, or `shell` for the task's own `command`."""

    timeout_sec: float = Field(default=7200.0, gt=0)
    """Seconds of total run time of one attempt."""

    stall_sec: float = Field(default=900.0, ge=0)
    """Seconds without output, CPU time and change in the worktree after which it is stopped; 0 switches it off."""

    grace_sec: float = Field(default=10.0, ge=0, le=600)
    """Seconds between asking a worker's processes to stop and killing them."""

    retries: int = Field(default=2, ge=0, le=10)
    """How often a failed attempt is repeated, with the error in the next prompt, before the task is `failed`."""

    quality_gates: str = ""
    """The command a worker must pass before it reports success; goes into its prompt. Empty: the project's own."""

    skills: tuple[str, ...] = ()
    """Skill files a worker reads first, `~` allowed."""

    may_change: tuple[str, ...] = Field(default=(), examples=[[".github/workflows/*"]])
    """Patterns of CI files and other paths that workers may change although a task does not name them in its `files`;
    `*` stands for anything, `/` too. `docs/TASKS.md` has to be named in full."""


class RuntimeSettings(Group):
    """One way of calling an agent. Keys left out keep the built-in value of that name."""

    command: tuple[str, ...] | None = Field(default=None, examples=[["my-agent", "--file", "{prompt_file}"]])
    """Argv template; `{prompt}`, `{prompt_file}` and `{worktree}` are filled in."""

    prompt: Literal["stdin", "arg", "file"] | None = Field(default=None, examples=["file"])
    """How the prompt reaches the agent."""

    output: Literal["claude-stream-json", "codex-jsonl", "opencode-json", "text"] | None = Field(
        default=None, examples=["text"]
    )
    """How its output is read."""

    env: dict[str, str] = Field(default_factory=dict)
    """Plain values for its environment; never secrets."""

    pass_env: tuple[str, ...] | None = Field(default=None, examples=[["MY_AGENT_*"]])
    """Names, `*` allowed at the end, handed through from the daemon's environment."""


class NatsSettings(Group):
    """Workers elsewhere over NATS JetStream; see docs/rails.md. A change needs a restart of the daemon."""

    url: str | None = Field(default=None, examples=["nats://fleet.example.org:4222"])
    """The server. The rail is there when this is set."""

    name: str | None = Field(default=None, examples=["orders"])
    """This daemon's name there, as the server's permissions have it; without one it makes one up and keeps it."""

    credentials_file: Path | None = Field(default=None, examples=["~/.config/mosaic/nats-login"])
    """A file with `user:password`, or one that `nsc` has written."""

    pool: str = "default"
    """The pool whose workers get this repository's tasks."""

    lease_sec: float = Field(default=120.0, ge=2, le=3600)
    """How many seconds a worker may be silent before its attempt is lost."""

    relay: str | None = Field(default=None, examples=["ssh://git@relay.example.org/orders.git"])
    """The repository that code travels through, as workers and this daemon reach it; without one, the origin."""


class RailsSettings(Group):
    """Rails to workers elsewhere."""

    nats: NatsSettings = NatsSettings()
    """Over NATS JetStream."""


class ReviewSettings(Group):
    """The independent review of every accepted attempt that changed code."""

    mode: Literal["auto", "required", "off"] = "auto"
    """`auto`: reviewed where a reviewer is found; the evidence says where none was. `required`: blocked where none is.
    `off`: not at all."""

    code: tuple[str, ...] = (
        "~/.config/mosaic/tools/codex/codex-code-review.sh",
        "-b",
        "{base_branch}",
        "-o",
        "{output}",
    )
    """The code review as an argv template, run in a checkout of its own; `{base_branch}`, `{output}`, `{task_id}`,
    `{branch}`, `{head_sha}` and `{worktree}` are filled in. An empty list is none."""

    security: tuple[str, ...] = (
        "~/.config/mosaic/tools/codex/codex-security-review.sh",
        "-b",
        "{base_branch}",
        "-o",
        "{output}",
    )
    """The security review, in the same way."""

    runtime: str = ""
    """Who reviews when a script cannot: a name under `runtimes`, asked with the guide's prompt. Empty: the runtime
    whose work it is, in a conversation of its own, if that is `claude`, `codex` or `opencode`; else nobody."""

    other_runtime: bool = False
    """Never let a runtime review its own work. The two scripts count as `codex`."""

    max_rounds: int = Field(default=2, ge=0, le=10)
    """How often findings are sent back to be mended before the task is blocked."""

    timeout_sec: float = Field(default=1800.0, gt=0)
    """Seconds one reviewer may take; then it counts as one that gave no verdict."""


class DocsGateSettings(Group):
    """Whether changes to code, API, authentication or infrastructure have to be documented in the same change."""

    mode: Literal["off", "warn", "required"] = "warn"
    """`warn`: what is missing goes into the task's notes. `required`: the attempt fails and is told. It is enough that
    a documentation task of the same phase is still to come, or that the worker's notes give a reason."""


class BudgetSettings(Group):
    """How many tokens the work may take."""

    cap: TokenFigure | None = Field(default=None, examples=["500K"])
    """Tokens in all, `500K` or `1.1M`. Left out: what `bootstrap --budget` was given, or a soft cap from the
    estimates."""
