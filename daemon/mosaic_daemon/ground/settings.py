"""Every setting, grouped by what it is about. The field docstrings are the reference; `config/` holds them as a file.

`configuration` reads them from their places.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

ENVIRONMENT_PREFIX = "MOSAIC_ORCHESTRATOR_"
TokenFigure = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?[KkMm]?$")]


class Group(BaseModel):
    """A table of `config.toml`: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


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


class TrackingSettings(Group):
    """The published table, `docs/TASKS.md`."""

    base_branch: str = "main"
    """The branch that changes are merged into and the table is read from."""

    commit: Literal["auto", "push", "pr", "local", "off"] = "auto"
    """How the table gets onto the base branch. `local`: a commit in the local repository only. `off`: not at all."""

    interval_sec: float = Field(default=10.0, ge=0, le=86400)
    """Seconds between two commits of the table while work is going on; when nothing moves it is published at once."""


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


Script = Literal[
    "pr_create",
    "pr_merge",
    "pr_ci_wait",
    "ci_queue_wait",
    "issue_create",
    "issue_view",
    "issue_close",
    "issue_comment",
    "milestone_close",
    "release_create",
]


class ForgeSettings(Group):
    """Where changes are merged and issues closed."""

    provider: Literal["internal", "gitea", "github", "gitlab", "wrappers"] = "internal"
    """`internal` needs no forge: git plumbing, the configured CI command, and internal refs."""

    url: str | None = Field(default=None, examples=["https://git.example.org"])
    """Where the forge is. Left out: the host of the origin's address."""

    repo: str | None = Field(default=None, examples=["owner/name"])
    """The repository on the forge. Left out: what the origin's address says."""

    token_file: Path | None = Field(default=None, examples=["~/.config/mosaic/forge-token"])
    """A file with the token, readable by you alone. Left out: the systemd credential `forge-token`, then `GITEA_TOKEN`,
    `GITHUB_TOKEN` or `GITLAB_TOKEN`. Workers get none of them."""

    ca_file: Path | None = Field(default=None, examples=["/etc/ssl/our-ca.pem"])
    """Certificates to trust besides the usual ones."""

    poll_sec: float = Field(default=5.0, gt=0, le=600)
    """Seconds between two looks at the CI of a commit, at first; when nothing changes it becomes six times as long."""

    webhook_listen: str | None = Field(default=None, examples=["127.0.0.1:8077"])
    """Address and port where the forge's webhooks are taken, at `/hook`. They only make the daemon look at once."""

    webhook_secret_file: Path | None = Field(default=None, examples=["~/.config/mosaic/webhook-secret"])
    """A file with the webhooks' secret, readable by you alone. Left out: the systemd credential `webhook-secret`."""

    webhook_any_address: bool = False
    """Let `webhook_listen` be more than loopback. There is no TLS: put a proxy with it in front."""

    commands: dict[Script, tuple[str, ...]] = Field(
        default_factory=dict, examples=[{"pr_merge": ["pr-merge.sh", "-n", "{number}", "-m", "squash"]}]
    )
    """The scripts of `wrappers` as argv templates, never given to a shell; see docs/forges.md. Those left out are under
    `~/.config/mosaic/tools/git`; an empty list is a step that is not taken."""

    issue_closed: str | None = Field(default=None, examples=["(?i)state: closed"])
    """A regular expression that `issue_view` says of a closed issue, where its answer is no JSON."""


class GateSettings(Group):
    """The way from an accepted attempt to `done`."""

    ci: Literal["required", "auto", "none"] = "auto"
    """`required`: no verdict is never green. `auto`: none is accepted with proof. `none`: CI is not asked."""

    ci_command: tuple[str, ...] | None = Field(default=None, examples=[["make", "test"]])
    """What `internal` runs on a clean checkout of exactly the commit that would land; exit 0 is green."""

    ci_timeout_sec: float = Field(default=3600.0, gt=0)
    """Seconds the CI of one commit may take."""

    change_ci: Literal["required", "if_present", "skip"] = "if_present"
    """The pull request's own CI, before the merge. `if_present`: it must be green where there is any."""

    first_run_sec: float = Field(default=120.0, ge=0, le=900)
    """Seconds a commit may be without any check before that counts as having none."""

    queue_timeout_sec: float = Field(default=3600.0, gt=0)
    """Seconds the base branch's CI may keep a gate waiting before its task is blocked."""

    reruns: Literal[0, 1] = 0
    """How often red jobs are run again on the forge before they count: for CI that fails now and then."""

    tree_check: Literal["enforce", "warn"] = "enforce"
    """A merge commit whose files are not what merging the accepted commit gives: block the task, or write it down."""

    close_failure: Literal["block", "warn"] = "block"
    """An issue that cannot be closed: block the task, or write it down and be done."""

    @field_validator("ci_command")
    @classmethod
    def _not_empty(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and not value:
            raise ValueError("an empty command; leave the key out to have none")
        return value


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


class BudgetSettings(Group):
    """How many tokens the work may take."""

    cap: TokenFigure | None = Field(default=None, examples=["500K"])
    """Tokens in all, `500K` or `1.1M`. Left out: what `bootstrap --budget` was given, or a soft cap from the
    estimates."""


class DocsGateSettings(Group):
    """Whether changes to code, API, authentication or infrastructure have to be documented in the same change."""

    mode: Literal["off", "warn", "required"] = "warn"
    """`warn`: what is missing goes into the task's notes. `required`: the attempt fails and is told. It is enough that
    a documentation task of the same phase is still to come, or that the worker's notes give a reason."""


class NotifySettings(Group):
    """How a person is told that the work cannot go on without them; see docs/escalation.md."""

    command: tuple[str, ...] | None = Field(default=None, examples=[["mail", "-s", "{subject}", "me@example.org"]])
    """Argv template, never given to a shell: the message comes on its standard input; `{subject}`, `{topic}`, `{task}`
    and `{repository}` are filled in."""

    webhook_url: str | None = Field(default=None, examples=["https://chat.example.org/hooks/orchestrator"])
    """Where the message is posted as JSON."""

    webhook_secret_file: Path | None = Field(default=None, examples=["~/.config/mosaic/notify-secret"])
    """A file with the secret that signs what is posted, readable by you alone. Left out: the systemd credential
    `notify-secret`, or no signature."""

    matrix_homeserver: str | None = Field(default=None, examples=["https://matrix.example.org"])
    """A Matrix homeserver: where its client-server API is."""

    matrix_room: str | None = Field(default=None, examples=["!abcdef:example.org"])
    """The id of the room where the message is sent; the token's user has joined it, and it is not encrypted."""

    matrix_token_file: Path | None = Field(default=None, examples=["~/.config/mosaic/matrix-token"])
    """A file with the user's access token, readable by you alone. Left out: the systemd credential `matrix-token`."""

    desktop: bool = False
    """Show it with `notify-send`, where that is installed."""

    @field_validator("command")
    @classmethod
    def _not_empty(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and not (value and value[0]):
            raise ValueError("an empty command; leave the key out to have none")
        return value


class HttpSettings(Group):
    """The status page, the API and the metrics; see docs/http.md."""

    listen: str | None = Field(default=None, examples=["127.0.0.1:8800"])
    """Address and port to listen on. Left out: nothing is served."""

    token_file: Path | None = Field(default=None, examples=["~/.config/mosaic/http-token"])
    """A file with the token to ask for, readable by you alone. Left out: the systemd credential `http-token`, or one of
    the repository's own, made in `.mosaic/orchestrator/http-token`."""

    hosts: tuple[str, ...] = Field(default=(), examples=[["mosaic.example.org"]])
    """Names under which it is reached besides `listen` and `localhost`: what a proxy passes on as `Host`."""

    any_address: bool = False
    """Let `listen` be more than loopback. There is no TLS: put a proxy with it in front."""


class MilestoneSettings(Group):
    """What `bootstrap` plans for, and how it is released."""

    prefix: str | None = Field(default=None, examples=["MS"], pattern=r"^[A-Za-z][A-Za-z0-9]{0,15}(-[A-Za-z0-9]+)*$")
    """The beginning of all task ids. Left out: made of the project's name."""

    name: str = ""
    """People's name for the milestone. Empty: its version."""

    mvp: bool = False
    """This milestone is the MVP release: only then may its version be `0.1.0`."""

    improve_prd: bool = False
    """Plan a task that goes over `docs/PRD.md` before everything else, and is checked like any other."""

    release: Literal["manual", "auto"] = "manual"
    """`manual`: `mosaic-orchestrator release` releases the milestone. `auto`: the daemon does, as soon as the stopping
    criteria are met (`status --criteria`)."""

    branches: Literal["task", "phase"] = "task"
    """`task`: a short-lived branch for each task. `phase`: one for all tasks of a phase, which then run one by one."""


class TemplatesSettings(Group):
    """Where templates are looked for first."""

    path: Path | None = Field(default=None, examples=["/etc/mosaic/templates"])
    """A folder with the guide's template names. Left out: the standard places."""


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


class Settings(BaseSettings):
    """Everything, as one value. `configuration.load` reads it; made directly, it has the defaults and what is given."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="__",
    )

    run: RunSettings = RunSettings()
    tracking: TrackingSettings = TrackingSettings()
    worker: WorkerSettings = WorkerSettings()
    runtimes: dict[str, RuntimeSettings] = Field(default_factory=dict)
    forge: ForgeSettings = ForgeSettings()
    review: ReviewSettings = ReviewSettings()
    gate: GateSettings = GateSettings()
    budget: BudgetSettings = BudgetSettings()
    milestone: MilestoneSettings = MilestoneSettings()
    docs_gate: DocsGateSettings = DocsGateSettings()
    notify: NotifySettings = NotifySettings()
    http: HttpSettings = HttpSettings()
    rails: RailsSettings = RailsSettings()
    templates: TemplatesSettings = TemplatesSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is given: `load` asks the sources one by one, so that an error can name the one it comes from."""
        return (init_settings,)
