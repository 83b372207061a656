"""The project itself: its repository, the programs that work on it, and the person who looks after it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.support import reviewer as reviewers
from tests.support.bootstrap import SCRIPT, bootstrap, with_report
from tests.support.daemon import Daemon, environment
from tests.support.learning import report as qa_report
from tests.support.processes import sweep
from tests.support.project.course import AUTHOR, CRITIC, OF_A_REVIEW, SCRIBE, Attempt, courses
from tests.support.project.findings import FINDINGS, Opinion, report
from tests.support.repo import Repo
from tests.support.reviewer import APPROVED, SAFE, Reviewer, finding, writing

CAP = "800K"
STRANGER = "OTHER-9.md"
"""A pending report of QA automation that belongs to no finding."""

_ATTENTION = 3
_PATIENCE_SEC = 240.0
_CI = ["sh", "-c", "test -f README.md && ! test -e BROKEN"]
_CONFIG = """
[worker]
runtime = "{author}"
retries = 1
stall_sec = 2
grace_sec = 1
[tracking]
interval_sec = 1
[runtimes.{author}]
command = {agent}
prompt = "stdin"
output = "claude-stream-json"
[runtimes.{scribe}]
command = {agent}
prompt = "stdin"
output = "claude-stream-json"
[runtimes.{critic}]
command = {critic_command}
prompt = "stdin"
output = "claude-stream-json"
"""


class Project:
    """A repository with a planned milestone, ready for its daemon.

    Attributes:
        planned: the entries of the queue's file as they were planned.
        courses: what has to become of each task.
    """

    def __init__(self, folder: Path) -> None:
        self.repo = Repo(folder)
        self._script = folder / "script.json"
        self.reviewer = Reviewer(self.repo)
        self._configure()
        bootstrap(self.repo, with_report(self.repo, report()), "--prefix", "MS", "--budget", CAP)
        for each in (*(f"{each.name}.md" for each in FINDINGS), STRANGER):
            qa_report(self.repo, each)
        self._name_scribe()
        self.planned = self.repo.queue()["tasks"]
        self.courses = courses(self.planned)
        self._write_scripts()

        self._daemon: Daemon | None = None

    def run_to_the_end(self, outlived: Callable[[Daemon], bool] = lambda _: True) -> None:
        """Daemon after daemon, and a person in between, until everything is done or deferred.

        Args:
            outlived: whether a daemon that has just been started ends by itself; False: it was killed.
        """
        code: int | None = None
        while code != 0:
            self._daemon = Daemon(self.repo, "--until-idle")
            if not outlived(self._daemon):
                continue
            code = self._daemon.wait(patience_sec=_PATIENCE_SEC)
            assert code in (0, _ATTENTION), f"{code}\n{self._daemon.log[-4000:]}"
            if code == _ATTENTION:
                assert self.put_right(), f"it does not go on\n{self._daemon.log[-4000:]}"

    def release(self, outlived: Callable[[Daemon], bool] = lambda _: True) -> None:
        """Have the daemon release the milestone."""
        self.repo.configure(f'{self.repo.config_file.read_text()}[milestone]\nrelease = "auto"\n')
        self.run_to_the_end(outlived)

    def close(self) -> None:
        """At the end of a test, however it went."""
        if self._daemon is not None:
            self._daemon.destroy()
        sweep(self.repo.root)

    def ask(self, command: str) -> Any:
        """What a command prints as JSON."""
        return json.loads(self._run(command, "--json").stdout)

    # --- the person -----------------------------------------------------------------------------------------------

    def _name_scribe(self) -> None:
        """Before anything has begun: phases are documented by another runtime."""
        document = self.repo.queue()
        for entry in document["tasks"]:
            if entry.get("kind") == "docs" and not entry.get("files"):
                entry["runtime"] = SCRIBE
        self.repo.write_queue(json.dumps(document).encode())

    def put_right(self) -> bool:
        """What a person does when nothing goes on without them; whether there was anything to do."""
        statuses = self.repo.statuses()
        steps = {task: course.fate.person for task, course in self.courses.items()}
        failed = [task for task, status in statuses.items() if status == "failed"]
        assert all(steps[task] == "retries" for task in failed), failed
        late = [task for task, step in steps.items() if step == "defers" and statuses[task] == "not-started"]
        self.repo.edit_tasks(**{task.replace("-", "_"): {"status": "deferred"} for task in late})
        for task in failed:
            self._run("retry", task)
        return bool(failed)

    def _run(self, *args: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [SCRIPT, *args],
            cwd=self.repo.root,
            env=environment(self.repo, {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{args}: {done.stdout}\n{done.stderr}"
        return done

    # --- the programs ---------------------------------------------------------------------------------------------

    def _configure(self) -> None:
        agent = [sys.executable, "-I", "-S", str(Path(__file__).with_name("agent.py")), str(self._script)]
        critic = [str(self.reviewer.script("agent"))]
        names = {"author": AUTHOR, "scribe": SCRIBE, "critic": CRITIC}
        more = _CONFIG.format(agent=json.dumps(agent), critic_command=json.dumps(critic), **names)
        self.reviewer.configure(more, gate=f"[gate]\nci_command = {json.dumps(_CI)}\n", runtime=CRITIC)

    def _write_scripts(self) -> None:
        attempts = {
            each.name: {"does": each.act, "used": each.used, "file": course.file}
            for course in self.courses.values()
            for each in course.attempts
        }
        self._script.write_text(json.dumps({"effects": str(self.repo.effects), "attempts": attempts}))
        self.reviewer.script("code", _cases(self._steps(_CODE), writing(APPROVED)))
        self.reviewer.script("security", _cases(self._steps(_SECURITY), writing(SAFE)))
        self.reviewer.script("agent", "cat > /dev/null", _cases(self._steps(_AGENT), "exit 1"))

    def _steps(self, says: dict[Opinion, str]) -> Iterator[tuple[Attempt, str]]:
        for course in self.courses.values():
            for attempt in course.attempts:
                if attempt.opinion in says:
                    yield attempt, says[attempt.opinion]


def _cases(steps: Iterable[tuple[Attempt, str]], otherwise: str) -> str:
    lines = [f"{attempt.name}-review*) {step};;" for attempt, step in steps]
    return "\n".join(("case $MOSAIC_ATTEMPT in", *lines, f"*) {otherwise};;", "esac"))


def _prints(document: dict[str, Any]) -> str:
    """A step of an agent that says this, as Claude Code does."""
    said = {"type": "result", "subtype": "success", "is_error": False, "result": json.dumps(document)}
    used = {"input_tokens": OF_A_REVIEW - 1, "output_tokens": 1}
    return f"printf '%s\\n' '{json.dumps({**said, 'usage': used})}'"


def _agents(verdict: str, blockers: int, *findings: dict[str, Any]) -> dict[str, Any]:
    return {"verdict": verdict, "blockers": blockers, "critical_security": 0, "findings": list(findings)}


_REFUSED = "echo 'Error: not logged in' >&2; exit 1"
_CODE: dict[Opinion, str] = {
    "blockers": writing(reviewers.code("request-changes", 1, finding())),
    "suggestions": writing(reviewers.code("request-changes", 0, finding("should-fix", "a long name"))),
    "by-an-agent": _REFUSED,
    "blockers-by-an-agent": _REFUSED,
}
_SECURITY: dict[Opinion, str] = {"high": writing(reviewers.security(0, 1, finding("high", "a guessable number")))}
_AGENT: dict[Opinion, str] = {
    "by-an-agent": _prints(_agents("approve", 0)),
    "blockers-by-an-agent": _prints(_agents("request-changes", 1, finding())),
}
