"""The scripts' command lines, what is filled into them, and what is read out of their answers."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from mosaic_daemon.forges.base import Proposal, issue_number
from mosaic_daemon.ground.errors import ConfigError
from mosaic_daemon.runtimes.base import DEFAULTS
from mosaic_daemon.runtimes.base import environment as basic_environment

Template = tuple[str, ...]

_TOOLS = "~/.config/mosaic/tools/git"
_PLACEHOLDER = re.compile(r"(?<!\$)\{([a-z_]+)\}")
_NAMES = frozenset(
    "title body target branch head_sha base_sha number issue message milestone labels tag".split()  # noqa: SIM905
)
_FORGE_VARIABLES = (
    *("GH_*", "GITHUB_*", "GITEA_*", "FORGEJO_*", "TEA_*", "GITLAB_*", "GL_*", "GLAB_*", "BITBUCKET_*", "MOSAIC_*"),
    *("SSH_AUTH_SOCK", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GNUPGHOME", "DBUS_SESSION_BUS_ADDRESS"),
)
_OWN_VARIABLES = ("MOSAIC_ORCHESTRATOR_*", "MOSAIC_ATTEMPT*")
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_PULL_ADDRESS = re.compile(r"https?://\S+/(?:pulls?|merge_requests|pull-requests)/(\d{1,9})(?![\w/-])")
_ADDRESS = re.compile(r"https?://\S+/(\d{1,9})(?![\w/-])")
_HASH = re.compile(r"(?<![\w&])[#!](\d{1,9})\b")
_BARE = re.compile(r"^\s*(\d{1,9})\s*$", re.MULTILINE)
_JSON_NUMBERS = ("number", "iid", "index")
_JSON_ADDRESSES = ("html_url", "web_url", "url")


@dataclass(frozen=True, slots=True)
class Commands:
    """Argv templates, never given to a shell; an empty one is a step that is not taken.

    `{title}`, `{body}`, `{message}` (of the squash commit), `{target}`, `{branch}`, `{head_sha}`, `{base_sha}`,
    `{number}` (of the pull request), `{issue}`, `{milestone}`, `{labels}` (joined by commas) and `{tag}` are filled in
    per word.

    Attributes:
        issue_comment: none by default; `{message}` is the comment.
        release_create: none by default; gets `{tag}`, `{title}`, `{body}` (the notes) and `{head_sha}`. Without it the
            notes are a file in `docs/releases/`.
        closed: a regular expression that `issue_view` says of a closed issue, where its answer is not JSON.

    Raises:
        ConfigError: a template names something else, or `closed` is no regular expression.
    """

    pr_create: Template = (f"{_TOOLS}/pr-create.sh", "-t", "{title}", "-b", "{body}", "-B", "{target}")
    pr_merge: Template = (f"{_TOOLS}/pr-merge.sh", "-n", "{number}", "-m", "squash")
    pr_ci_wait: Template = (f"{_TOOLS}/pr-ci-wait.sh", "-n", "{number}")
    ci_queue_wait: Template = (f"{_TOOLS}/ci-queue-wait.sh", "--purpose", "merge", "-B", "{target}")
    issue_create: Template = (
        *(f"{_TOOLS}/issue-create.sh", "-t", "{title}", "-b", "{body}"),
        *("-l", "{labels}", "-m", "{milestone}"),
    )
    issue_view: Template = (f"{_TOOLS}/issue-view.sh", "-i", "{issue}")
    issue_close: Template = (f"{_TOOLS}/issue-close.sh", "-i", "{issue}")
    issue_comment: Template = ()
    milestone_close: Template = (f"{_TOOLS}/milestone-close.sh", "-t", "{milestone}")
    release_create: Template = ()
    closed: str = field(default=r"(?im)^\W*(?:state|status)\W+closed\b|\(closed\)\s*$|^\W*closed\W*$")

    def __post_init__(self) -> None:
        for each in fields(self):
            words = getattr(self, each.name) if each.name != "closed" else ()
            unknown = {found for word in words for found in _PLACEHOLDER.findall(word)} - _NAMES
            if unknown:
                raise ConfigError(
                    f"`forge.commands.{each.name}` has `{{{min(unknown)}}}`, which is not known",
                    remedy=f"known are {', '.join(sorted(_NAMES))}",
                )
        try:
            re.compile(self.closed)
        except re.error as error:
            raise ConfigError(f"`forge.commands.closed` is no regular expression: {error}") from None

    def is_closed(self, answer: str) -> bool:
        """Whether `issue_view` speaks of a closed issue."""
        told = _json(answer)
        if isinstance(told, dict) and isinstance(told.get("state"), str):
            return bool(told["state"].lower() == "closed")
        return re.search(self.closed, _COLOUR.sub("", answer)) is not None


def filled(template: Template, values: Mapping[str, str]) -> tuple[str, ...]:
    """The command. A value is never looked into again, and what it says never becomes another word."""
    program, *words = template
    return (
        os.path.expanduser(program),  # noqa: PTH111  # a plain command name has to stay one
        *(_PLACEHOLDER.sub(lambda found: values.get(found[1], ""), word) for word in words),
    )


def values_of(proposal: Proposal, **more: str) -> dict[str, str]:
    return {
        "title": proposal.title,
        "body": proposal.body,
        "message": proposal.message,
        "target": proposal.target,
        "branch": proposal.branch,
        "head_sha": proposal.head_sha,
        "issue": str(issue_number(proposal.issue) or ""),
        **more,
    }


def variables_of(proposal: Proposal, branch: str, base_sha: str = "") -> dict[str, str]:
    """What a script is told that asks for it."""
    told = {
        "MOSAIC_TASK_ID": proposal.task,
        "MOSAIC_GATE_ID": proposal.gate,
        "MOSAIC_BRANCH": branch,
        "MOSAIC_TARGET": proposal.target,
        "MOSAIC_HEAD_SHA": proposal.head_sha,
        "MOSAIC_MARKER": proposal.marker,
    }
    return {**told, "MOSAIC_BASE_SHA": base_sha} if base_sha else told


def environment(daemon_env: Mapping[str, str]) -> dict[str, str]:
    """What the scripts and the forge's programs behind them get of the daemon's environment: an allow-list.

    Unlike workers they are the person's own, so the forge's tokens are among it.
    """
    basic = basic_environment(DEFAULTS["shell"], daemon_env, {})
    wanted = {name: value for name, value in daemon_env.items() if _matches(name, _FORGE_VARIABLES)}
    given = {name: value for name, value in wanted.items() if not _matches(name, _OWN_VARIABLES)}
    return {**basic, **given, "GIT_TERMINAL_PROMPT": "0"}


def number_in(answer: str, asked: str) -> str | None:
    """The number of what a script has created: JSON on the last line, an address that ends in it, `#12`, or `12`.

    Args:
        asked: what it was given. Addresses and numbers with a `#` in there are somebody else's, if it repeats them.
    """
    told = _json(answer)
    if isinstance(told, dict):
        for name in _JSON_NUMBERS:
            if isinstance(told.get(name), int | str) and re.fullmatch(r"\d{1,9}", str(told[name])):
                return str(told[name])
        answer = "\n".join([answer, *(str(told[name]) for name in _JSON_ADDRESSES if name in told)])
    text = _COLOUR.sub("", answer)
    for pattern in (_PULL_ADDRESS, _ADDRESS):
        if found := [match[1] for match in pattern.finditer(text) if match[0] not in asked]:
            return str(found[-1])
    foreign = set(_HASH.findall(asked))
    loose = [(match.start(), match[1]) for pattern in (_HASH, _BARE) for match in pattern.finditer(text)]
    own = [number for _, number in sorted(loose) if number not in foreign]
    return own[-1] if own else None


def shown(argv: tuple[str, ...]) -> str:
    """The command as it can be pasted."""
    return shlex.join(argv)


def program(argv: tuple[str, ...]) -> str:
    """Its name in a sentence."""
    return Path(argv[0]).name


def _json(answer: str) -> Any:
    """The answer as JSON, or its last line; None when neither is."""
    lines = answer.strip().splitlines()
    for text in (answer, lines[-1] if lines else ""):
        try:
            return json.loads(text)
        except ValueError:
            continue
    return None


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
