"""How work gets to the base branch, a milestone to its release, and what is written on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from mosaic_daemon.ground.settings.group import Group

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


class TrackingSettings(Group):
    """The published table, `docs/TASKS.md`."""

    base_branch: str = "main"
    """The branch that changes are merged into and the table is read from."""

    commit: Literal["auto", "push", "pr", "local", "off"] = "auto"
    """How the table gets onto the base branch. `local`: a commit in the local repository only. `off`: not at all."""

    interval_sec: float = Field(default=10.0, ge=0, le=86400)
    """Seconds between two commits of the table while work is going on; when nothing moves it is published at once."""


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
