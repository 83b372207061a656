"""The control of a fake forge: what a test says to it and asks of it. Everything here is safe from any thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.forges.fakes import control
from tests.forges.fakes.ci import Rule
from tests.forges.fakes.core import Core
from tests.forges.fakes.dialect import Answer, Dialect, Request
from tests.forges.fakes.exchange import Entry, Exchange
from tests.forges.fakes.faults import Order, Orders
from tests.forges.fakes.origin import Commit, Origin
from tests.forges.fakes.server import Server
from tests.forges.fakes.state import Comment, Issue, Milestone, Plan, Pull, Release, Settings, State, StateFile

TOKEN = "fake-token-0123456789"


class Fake:
    """A forge with one repository, listening on a loopback port until `close` (or the end of `with`).

    `with` also fails when a request or an answer broke the published description.

    Attributes:
        url: of the server; api: of its API; token: a good one; repo: "owner/name"; base: the base branch.
        core: everything else, for what the methods do not cover.
    """

    base = "main"

    def __init__(
        self,
        dialect: Dialect,
        origin: Path,
        *,
        repo: str = "acme/widget",
        state_file: Path | None = None,
        port: int = 0,
    ) -> None:
        self._file = file = StateFile(state_file) if state_file else None
        settings = dialect.settings()
        state = (file and file.load()) or State(repo, settings, dialect.separate_numbers)
        state.tokens.setdefault(TOKEN, dialect.scopes)
        self.dialect = dialect
        self.token = TOKEN
        self.repo = state.repo
        self.core = Core(state, Origin(origin))
        self._orders = Orders()
        self._exchange = Exchange(dialect, self.core, self._orders, file)
        self._server = Server(self._serve, port)
        self.url = self.core.url = self._server.url
        self.api = self.url + dialect.prefix

    def _serve(self, request: Request) -> Answer | None:
        return control.serve(self, request) or self._exchange.serve(request)

    def close(self) -> None:
        self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()
        if kind is None:
            self.check()

    def check(self) -> None:
        """Fails where something broke the published description, or the fake itself failed."""
        assert not self.violations, "\n".join(self.violations)

    @contextmanager
    def _change(self) -> Iterator[None]:
        with self.core.lock:
            yield
            if self._file:
                self._file.save(self.core.state)

    # what happened

    @property
    def log(self) -> list[Entry]:
        return self._exchange.log

    @property
    def violations(self) -> list[str]:
        return self._exchange.violations

    def calls(self, operation: str) -> list[Entry]:
        return [entry for entry in self.log if entry.operation == operation]

    def count(self, *operations: str, status: int | None = None) -> int:
        """How many requests: of these operations (all, without one), with this status."""
        return sum(1 for e in self.log if (not operations or e.operation in operations) and status in (None, e.status))

    # orders

    def on(self, operation: str, *, times: int = 1, skip: int = 0) -> Order:
        """Order something for the next `times` requests of an operation (`*`: of all), after `skip` good ones."""
        return self._orders.add(Order(operation, times, skip, self.dialect))

    def unmet(self) -> list[str]:
        """The operations of orders that no request has met."""
        return self._orders.unmet()

    def catch_up(self) -> None:
        """What was delayed happens now."""
        self._exchange.catch_up()

    def heal(self) -> None:
        """Forget all orders."""
        self._orders.clear()

    @property
    def settings(self) -> Settings:
        return self.core.state.settings

    def grant(self, token: str, *scopes: str) -> None:
        """Another token, with scopes in the forge's own words; none given: all that is needed."""
        with self._change():
            self.core.state.tokens[token] = frozenset(scopes) or self.dialect.scopes

    def revoke(self, token: str) -> None:
        with self._change():
            self.core.state.tokens.pop(token, None)

    # git

    def sha(self, branch: str | None = None) -> str:
        """The commit a branch stands at; the base branch without a name."""
        sha = self.core.origin.branch(branch or self.base)
        assert sha, f"no branch {branch} in {self.core.origin.path}"
        return sha

    def commit(self, sha: str) -> Commit:
        return self.core.origin.commit(sha)

    def push(
        self, branch: str, files: Mapping[str, str | None], *, message: str = "change", start: str | None = None
    ) -> str:
        """One more commit on a branch, by somebody else. A new branch starts at `start`, or at the base branch."""
        with self._change():
            return self.core.origin.push(branch, files, message, start or self.base)

    def push_base(
        self, files: Mapping[str, str | None] | None = None, *, message: str = "someone else's change"
    ) -> str:
        return self.push(self.base, files or {"elsewhere.txt": f"{self.sha()}\n"}, message=message)

    # CI. States: see ci.STATES, or a forge's own word.

    def ci(
        self,
        sha: str,
        checks: Mapping[str, str],
        *,
        kind: str | None = None,
        branch: str | None = None,
        again: bool = False,
    ) -> None:
        """Set checks of a commit now, e.g. {"build": "green"}.

        Attributes:
            kind: "status" or "job" (check run, pipeline job); the forge's usual one by default.
            again: as a new run or pipeline with maybe the same names, beside the old one.
        """
        with self._change():
            self.core.state.plans.pop(sha, None)
            self.core.ci.set(
                sha, checks, kind=kind or self.dialect.job, branch=branch or self.core.branch_of(sha), again=again
            )

    def ci_later(
        self, sha: str, checks: Mapping[str, str], *, hidden: int = 0, running: int = 0, seconds: float = 0
    ) -> None:
        """Checks of one commit that a client's polls bring about: `hidden` see nothing, `running` more see it run."""
        with self._change():
            self.core.ci.plan(sha, Plan(dict(checks), hidden, running, self.dialect.job, seconds))

    def ci_always(self, checks: Mapping[str, str], *, hidden: int = 0, running: int = 0, seconds: float = 0) -> None:
        """The same for every commit that has no checks and is asked about; {} ends it."""
        with self._change():
            self.core.state.every_commit = Plan(dict(checks), hidden, running, self.dialect.job, seconds)

    def ci_rule(self, rule: Rule | None) -> None:
        """The same, decided per commit: `rule(sha)` gives checks, a Plan, or None for no CI. Not kept in the file."""
        self.core.ci.rule = rule

    def rerun_gives(self, checks: Mapping[str, str], *, running: int = 1) -> None:
        """What failed jobs become when the client has them run again; the same as before without this."""
        with self._change():
            self.core.state.every_rerun = Plan(dict(checks), 0, running, self.dialect.job)

    def checks(self, sha: str) -> dict[str, str]:
        return {check.name: check.state for check in self.core.ci.latest(sha)}

    # issues, pull requests

    def issue(
        self, title: str = "An issue", body: str = "", *, labels: Iterable[str] = (), milestone: str | None = None
    ) -> Issue:
        with self._change():
            names = [self.core.label(name).name for name in labels]
            ident = (self.milestone(milestone) or self.core.create_milestone(milestone)).id if milestone else None
            return self.core.create_issue(title, body, names, ident)

    def open_pull(self, head: str, *, title: str = "A change", body: str = "") -> Pull:
        with self._change():
            return self.core.create_pull(head, self.base, title, body)

    def old_pull(self, head: str, *, merged: bool = True) -> Pull:
        """A pull request of an earlier time from this branch, merged (without touching git) or closed."""
        with self._change():
            pull = self.core.create_pull(head, self.base, "An earlier change", "")
            pull.head_sha = pull.merge_sha = self.commit(self.sha()).sha
            if merged:
                self.core.mark_merged(pull)
            else:
                self.core.close(pull)
            return pull

    @property
    def pulls(self) -> list[Pull]:
        """Oldest first."""
        with self._change():
            return self.core.pulls()[::-1]

    @property
    def issues(self) -> list[Issue]:
        return self.core.state.issues

    @property
    def releases(self) -> list[Release]:
        return self.core.state.releases

    @property
    def milestones(self) -> list[Milestone]:
        return self.core.state.milestones

    def milestone(self, title: str) -> Milestone | None:
        return next((m for m in self.milestones if m.title == title), None)

    def comments(self, thing: Issue | Pull) -> list[Comment]:
        return self.core.comments(thing)


def enterprise(dialect: Dialect) -> Dialect:
    """GitHub Enterprise Server: another prefix."""
    return replace(dialect, prefix="/api/v3")
