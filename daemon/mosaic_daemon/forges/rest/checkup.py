"""`doctor`: whether a token can do all that a gate does. Only reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from mosaic_daemon.forges.base import Rejected
from mosaic_daemon.forges.rest.answers import Reply
from mosaic_daemon.forges.rest.hosting import Diagnosis, Hosting, Rules
from mosaic_daemon.forges.rest.parsing import Value
from mosaic_daemon.forges.rest.transport import Transport
from mosaic_daemon.ground.errors import MosaicError, Unavailable

CI_FILES = (
    ".gitlab-ci.yml",
    ".woodpecker/",
    ".woodpecker.yml",
    ".woodpecker.yaml",
    ".drone.yml",
    ".circleci/",
    ".buildkite/",
    ".travis.yml",
    "azure-pipelines.yml",
    "Jenkinsfile",
)
"""CI that is not a forge's own and reports to it."""

_T = TypeVar("_T")


class Checkup:
    """Collects the diagnoses of one forge; each probe stands alone, so one that fails hides no other.

    Attributes:
        scopes: of the token, where the forge tells.
    """

    def __init__(self, forge: Hosting, branch: str) -> None:
        self._forge = forge
        self._branch = branch
        self.found: list[Diagnosis] = []
        self.scopes: tuple[str, ...] = ()

    def note(self, name: str, ok: bool, detail: str, remedy: str = "") -> None:
        self.found.append(Diagnosis(name, ok, detail, "" if ok else remedy))

    async def probe(self, name: str, work: Callable[[], Awaitable[_T]]) -> _T | None:
        """The value; None when it cannot be had, which is a diagnosis."""
        try:
            return await work()
        except (Unavailable, Rejected) as error:
            self._failed(name, error)
            return None

    async def common(self) -> None:
        """What every forge is asked: itself, the branch's rules, CI, issues and pull requests."""
        about = await self.probe("reach", self._forge.about)
        if about is not None:
            self.scopes = about.scopes
            self.note("reach", True, f"{about.version}, as {about.user or 'nobody'}")
        rules = await self.probe("rules", lambda: self._forge.rules(self._branch))
        if rules is not None:
            self._rules(rules)
        await self._readable("pull requests", lambda: self._forge.pulls((self._branch,), self._branch))
        await self._readable("running CI", lambda: self._forge.running(self._branch))

    async def repository(self, read: Callable[[], Awaitable[Reply]]) -> None:
        """GitHub's and Gitea's repository: both say what the token may do with it."""
        reply = await self.probe("repository", read)
        if reply is None:
            return
        value = await self.probe("repository", lambda: _of(reply))
        if value is None:
            return
        may_push, archived, issues = value
        self.access(write=may_push, told=f"push: {str(may_push).lower()}", archived=archived, issues=issues)

    def access(self, *, write: bool, told: str, archived: bool, issues: bool) -> None:
        self.note("write", write, told, "give the token's user the right to write")
        self.note("archived", not archived, f"archived: {str(archived).lower()}", "unarchive the repository")
        self.note("issues", issues, f"issues: {'on' if issues else 'off'}", "switch issues on, or give tasks none")

    async def _readable(self, name: str, read: Callable[[], Awaitable[list[_T]]]) -> None:
        items = await self.probe(name, read)
        if items is not None:
            self.note(name, True, f"readable, {len(items)} listed")

    def _rules(self, rules: Rules) -> None:
        detail = "squash merges are allowed" if rules.squash else "squash merges are not allowed"
        self.note("squash", rules.squash, detail, "allow squash merges in the repository's settings")
        queued = "only the merge queue may merge" if rules.queue else "no merge queue is required"
        self.note("merge queue", not rules.queue, queued, f"do not require the merge queue for {self._branch}")
        self.note("required checks", True, ", ".join(rules.required) or "none")

    def _failed(self, name: str, error: MosaicError) -> None:
        self.found.append(Diagnosis(name, False, f"{error.where}: {error.problem}", error.remedy or "try again later"))


async def whoami(transport: Transport) -> Value:
    """The token's user; null where the token is none of a user, or may not tell."""
    try:
        return (await transport.get("/user")).value
    except Rejected as error:
        if error.failure.status != "403":
            raise
        return Value(None, "GET /user")


async def _of(reply: Reply) -> tuple[bool, bool, bool]:
    value = reply.value
    return (
        value["permissions"]["push"].flag is not False,
        value["archived"].flag is True,
        value["has_issues"].flag is not False,
    )
