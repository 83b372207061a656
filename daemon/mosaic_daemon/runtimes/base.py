"""How an agent CLI is called, and the values its output is read into."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from mosaic_daemon.ground.errors import ConfigError
from mosaic_daemon.ground.secrets import redact

Output = Literal["claude-stream-json", "codex-jsonl", "opencode-json", "text"]

# Linux takes 128 KiB in one argument, with its final NUL; below it some room is left for the template around it.
_MAX_ARGUMENT_BYTES = 100_000

# `${prompt}` is a shell's variable, `{prompt}` is ours.
_PLACEHOLDER = re.compile(r"(?<!\$)\{(prompt|prompt_file|worktree)\}")

_BASIC_NAMES = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ", "LANG", "LANGUAGE", "LC_*", "XDG_*"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
)

# What no pattern hands on, however wide: the daemon's own settings, what its service manager gave it, the forge's
# tokens, and the identity of an agent session that it may have been started from (with the key to its mailbox).
_NEVER_BY_PATTERN = (
    *("MOSAIC_*", "NOTIFY_SOCKET", "WATCHDOG_*", "LISTEN_*", "CREDENTIALS_DIRECTORY", "INVOCATION_ID", "GIT_*"),
    *("GITHUB_*", "GH_*", "GITEA_*", "FORGEJO_*", "GITLAB_*", "GL_*", "CI_JOB_TOKEN", "BITBUCKET_*"),
    *("CLAUDE_CODE_SESSION_*", "CLAUDE_CODE_CHILD_*", "CLAUDE_CODE_MESSAGING_*", "CLAUDE_CODE_SSE_PORT", "CLAUDE_PID"),
    *("CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_EXECPATH", "CODEX_SESSION_ID", "CODEX_THREAD_ID", "CODEX_TOOL_CALL_ID"),
    *("CODEX_SANDBOX*", "CODEX_MANAGED_*", "OPENCODE_PID"),
)


@dataclass(frozen=True, slots=True)
class Runtime:
    """One way of calling an agent.

    Attributes:
        name: what tasks and the configuration call it.
        command: argv template. `{prompt_file}` and `{worktree}` are filled in, and `{prompt}` where `prompt` is `arg`.
        prompt: how the prompt is given: on standard input, as an argument, or only as a file (`{prompt_file}` and the
            variable MOSAIC_PROMPT_FILE).
        output: how its output is read.
        env: plain values, stronger than what is handed through.
        pass_env: names or patterns such as `ANTHROPIC_*`, handed through from the daemon's environment.

    Raises:
        ConfigError: the command and the way of the prompt do not fit each other.
    """

    name: str
    command: tuple[str, ...]
    prompt: Literal["stdin", "arg", "file"]
    output: Output
    env: Mapping[str, str]
    pass_env: tuple[str, ...]

    def __post_init__(self) -> None:
        takes_prompt = any(found[1] == "prompt" for part in self.command for found in _PLACEHOLDER.finditer(part))
        if self.prompt == "arg" and not takes_prompt:
            raise ConfigError(
                f"`runtimes.{self.name}.command` has no `{{prompt}}`, but the prompt is given as an argument",
                remedy="put `{prompt}` where it belongs, or set `prompt` to `stdin` or `file`",
            )
        if self.prompt != "arg" and takes_prompt and self.name != "shell":
            raise ConfigError(
                f"`runtimes.{self.name}.command` has `{{prompt}}`, but the prompt is given as `{self.prompt}`",
                remedy='set `prompt = "arg"`, or take `{prompt}` out',
            )


@dataclass(frozen=True, slots=True)
class Invocation:
    """A command ready to be started.

    Attributes:
        stdin: the file it gets as standard input; None: /dev/null.
    """

    argv: tuple[str, ...]
    stdin: Path | None


@dataclass(frozen=True, slots=True)
class Limit:
    """The provider refuses work for a reason that passes: quota, rate, overload, outage. Not the task's failure.

    Attributes:
        until: when it said that it works again; None: it did not say.
        detail: its words, one line.
    """

    until: datetime | None
    detail: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a run's output says.

    Attributes:
        text: what the agent said last, where its result is searched; may hold lone surrogates.
        used: tokens, as the runtime counts them; None when it does not say. Input that the provider had in its cache is
            left out: every turn reads the whole conversation again, and counting that would say nothing of the work.
        limit: set when the run ended in a provider's limit or outage.
        error: why the run ended badly, one line; None when it ended well. A limit is an error as well.
        session: the runtime's own name of the conversation.
    """

    text: str
    used: int | None
    limit: Limit | None
    error: str | None
    session: str | None


def invocation(runtime: Runtime, prompt_file: Path, worktree: Path) -> Invocation:
    """The command for one attempt.

    A prompt that cannot be an argument (too long, not text) is replaced by a request to read the file.

    Raises:
        OSError: the prompt goes into an argument and its file cannot be read.
    """
    values = {"prompt_file": str(prompt_file), "worktree": str(worktree)}
    if runtime.prompt == "arg":
        values["prompt"] = _argument(prompt_file)
    argv = tuple(_PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), part) for part in runtime.command)
    return Invocation(argv, prompt_file if runtime.prompt == "stdin" else None)


def _argument(prompt_file: Path) -> str:
    if prompt_file.stat().st_size <= _MAX_ARGUMENT_BYTES:
        data = prompt_file.read_bytes()
        try:
            text = data.decode()
        except UnicodeDecodeError:
            text = "\0"
        if "\0" not in text:
            return text
    return f"Your task is described in the file {prompt_file}. Read all of it first, then do exactly what it says."


def environment(runtime: Runtime, daemon_env: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a worker: an allow-list, so that a new secret of the daemon's is not handed on.

    Args:
        daemon_env: the daemon's own environment.
        extra: the attempt's own variables; stronger than everything else.
    """
    exact = frozenset(name for name in runtime.pass_env if not _is_pattern(name))
    patterns = tuple(name for name in (*_BASIC_NAMES, *runtime.pass_env) if _is_pattern(name))
    allowed = exact.union(name for name in _BASIC_NAMES if not _is_pattern(name))
    passed = {
        name: value
        for name, value in daemon_env.items()
        if (name in allowed or (_matches(name, patterns) and not _matches(name, _NEVER_BY_PATTERN)))
        and redact(value) == value  # the forge's token is the daemon's alone, whatever its variable is called
    }
    return {"PATH": os.defpath, **passed, "TERM": "dumb", **runtime.env, **extra}


def _is_pattern(name: str) -> bool:
    return any(sign in name for sign in "*?[")


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


_CLAUDE = Runtime(
    name="claude",
    # `dontAsk` with a list of tools instead of skipping the permission checks: it runs unattended, as root too, and
    # still refuses writes into `.git` and into its own settings. A worktree of its own making would hide the commits.
    command=(
        *("claude", "-p", "--output-format", "stream-json", "--verbose"),
        "--allowedTools",
        "Bash,Edit,Write,Read,Glob,Grep,NotebookEdit,WebFetch,WebSearch,Skill,Task,Agent,TodoWrite",
        *("--disallowedTools", "EnterWorktree,CronCreate,ScheduleWakeup"),
        *("--permission-mode", "dontAsk"),
    ),
    prompt="stdin",
    output="claude-stream-json",
    env=MappingProxyType(
        {
            "DISABLE_AUTOUPDATER": "1",
            # A server that the agent leaves running would keep `claude -p` waiting long after its last word.
            "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
            "BASH_MAX_TIMEOUT_MS": "3600000",
        }
    ),
    pass_env=("ANTHROPIC_*", "CLAUDE_*"),
)

_CODEX = Runtime(
    name="codex",
    # Its other sandboxes keep `.git` read-only, so that a worker could not commit.
    command=("codex", "exec", "--json", "--sandbox", "danger-full-access", "-"),
    prompt="stdin",
    output="codex-jsonl",
    env=MappingProxyType({}),
    pass_env=("OPENAI_*", "CODEX_*"),
)

_OPENCODE = Runtime(
    name="opencode",
    # Errors are printed because it waits in silence, for hours if told so, when a provider refuses.
    command=("opencode", "run", "--format", "json", "--auto", "--print-logs", "--log-level", "ERROR"),
    prompt="stdin",
    output="opencode-json",
    env=MappingProxyType({"OPENCODE_DISABLE_AUTOUPDATE": "1"}),
    pass_env=("OPENCODE_*", "ANTHROPIC_*", "OPENAI_*", "OPENROUTER_*", "GEMINI_*", "GOOGLE_GENERATIVE_AI_*"),
)

#: The task's own command, with the prompt in the file that MOSAIC_PROMPT_FILE names.
_SHELL = Runtime("shell", (), "file", "text", MappingProxyType({}), ())

#: The runtimes that need no configuration, by name. They run unattended: nothing they do is asked about.
DEFAULTS: Mapping[str, Runtime] = MappingProxyType({one.name: one for one in (_CLAUDE, _CODEX, _OPENCODE, _SHELL)})
