"""The commands: one module a verb, and the only place that turns errors into exit codes.

A verb's module offers `arguments(parser)` and `execute(options) -> exit code`. It imports what it needs inside
`execute`, so that `--help` reads next to nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

PROGRAM = "mosaic-orchestrator"

VERBS = {
    "init": "prepare a repository, with a config.toml that explains itself",
    "doctor": "whether everything is there: programs, repository, settings, agents, forge",
    "bootstrap": "from a review report to a planned milestone",
    "run": "the daemon: deliver tasks until it is told to stop",
    "matrix-cycle": "exactly one tick, then a summary",
    "enqueue": "add a task to the queue",
    "status": "where everything stands",
    "explain": "why a task is where it is, its timeline, and what would move it",
    "budget": "tokens used and to come, against the cap",
    "handoff": "the message with which a fresh orchestrator takes over",
    "release": "tag and publish the milestone, archive its table",
    "retro": "what tasks took against their estimates, and better estimates",
    "events": "what happened, event by event",
    "logs": "what a task's worker printed",
    "retry": "have a blocked, failed or deferred task go on",
    "cancel": "stop a task's worker and defer the task",
    "sync-tasks": "merge docs/TASKS.md and tasks.json; --apply does it",
    "mcp": "serve tasks to an agent session, as an MCP server",
    "worker": "a worker host: do attempts here for daemons elsewhere",
    "drain": "start nothing new, wait for what is in flight, end the daemon",
    "list": "all repositories of yours on this machine",
    "service": "install, uninstall or show the systemd unit of this repository",
    "schema": "the JSON Schema of a file",
    "demo": "watch the whole thing work on a bundled example",
}
ALIASES = {"cycle": "matrix-cycle"}

_COMMON = """common options:
  --repo PATH             the repository (default: of the current directory)
  --config FILE           settings (default: the repository's config.toml)
  --log-level LEVEL       debug, info, warning or error (default: info)
  --log-format text|json  log lines for people or for machines (default: text)
"""
EXIT_CODES = """exit codes: 0 done, 1 failed, 2 usage, 3 attention needed, 4 another instance,
            75 try again, 78 wrong input"""


def main(argv: Sequence[str] | None = None) -> int:
    """`mosaic-orchestrator VERB …`"""
    words = [*(sys.argv[1:] if argv is None else argv)]  # in this package `list` is a command's module
    if not words or words[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0 if words else 2
    if words[0] == "--version":
        from importlib.metadata import version

        print(f"{PROGRAM} {version('mosaic-orchestrator-daemon')}")
        return 0
    verb = ALIASES.get(words[0], words[0])
    if verb.startswith("-"):
        print(f"{PROGRAM}: the command comes first, its options after it: `{PROGRAM} status {verb} …`", file=sys.stderr)
        return 2
    if verb not in VERBS:
        import difflib

        near = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f"; did you mean `{near[0]}`?" if near else f"; `{PROGRAM} --help` lists them"
        print(f"{PROGRAM}: there is no command {verb!r}{hint}", file=sys.stderr)
        return 2
    return _invoke(verb, words[1:], f"{PROGRAM} {verb}")


def run() -> int:
    return _invoke("run", sys.argv[1:], f"{PROGRAM}-run")


def matrix_cycle() -> int:
    return _invoke("matrix-cycle", sys.argv[1:], f"{PROGRAM}-matrix-cycle")


def sync_tasks() -> int:
    return _invoke("sync-tasks", sys.argv[1:], f"{PROGRAM}-sync-tasks")


def drain() -> int:
    return _invoke("drain", sys.argv[1:], f"{PROGRAM}-drain")


def _invoke(verb: str, words: Sequence[str], program: str) -> int:
    from mosaic_daemon.cli.invocation import invoke

    return invoke(verb, words, program)


def _overview() -> str:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {verb:<{width}}  {about}" for verb, about in VERBS.items())
    more = f"`{PROGRAM} VERB --help` says more."
    return f"usage: {PROGRAM} VERB [options]\n\n{verbs}\n\n{more}\n\n{_COMMON}\n{EXIT_CODES}"
