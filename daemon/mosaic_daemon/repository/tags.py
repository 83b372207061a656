"""Tags of the origin. The daemon makes annotated ones from its own clone, and never moves or deletes any."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from mosaic_daemon.ground.errors import Unavailable
from mosaic_daemon.ground.git import Answer, Git, GitError
from mosaic_daemon.repository.clone import Clone, PushRefused

_NETWORK_SEC = 60.0
_REFS = "refs/tags/"
_PEELED = "^{}"


@dataclass(frozen=True, slots=True)
class Tag:
    """`object`: what the ref names; of an annotated tag that is not its `commit`."""

    name: str
    object: str
    commit: str

    @property
    def is_annotated(self) -> bool:
        return self.object != self.commit


class Tags:
    """Of where changes land: the origin, or the person's repository where there is none."""

    def __init__(self, clone: Clone) -> None:
        self._git = clone.git
        self._identity = clone.identity
        self._network = Git(clone.git.directory, timeout_sec=_NETWORK_SEC)

    async def all(self) -> dict[str, Tag]:
        """Every tag by its name.

        Raises:
            Unavailable: the origin cannot be read.
        """
        args = ("ls-remote", "--quiet", "--tags", "--", "origin")
        answer = await self._ask(*args)
        if answer.status != 0:
            problem = f"the origin's tags cannot be read: {_last(answer)}"
            raise Unavailable(problem, where=self._git.command(*args), remedy="it is tried again by itself")
        return {tag.name: tag for tag in _tags(answer.out)}

    async def find(self, name: str) -> Tag | None:
        return (await self.all()).get(name)

    async def push(self, name: str, commit: str, message: str, at: datetime) -> None:
        """Make the annotated tag and push it, unless the origin has one of that name: that is never touched.

        The same arguments give the same tag. Whether it is there must be probed.

        Raises:
            PushRefused: a rule of the server is in the way. Unavailable: the origin cannot be reached.
        """
        who = f"{self._identity.name} <{self._identity.email}> {int(at.timestamp())} +0000"
        text = f"object {commit}\ntype commit\ntag {name}\ntagger {who}\n\n{message}\n"
        made = await self._git.run("mktag", stdin=text.encode())
        args = ("push", "--quiet", "--porcelain", "--", "origin", f"{made}:{_REFS}{name}")
        answer = await self._ask(*args)
        said = f"{answer.out}\n{answer.err}"
        if answer.status == 0 or "already exists" in said:
            return
        if "[remote rejected]" in said or "declined" in said or "protected" in said:
            lines = [line.strip() for line in said.splitlines() if line.strip()]
            reason = next((line for line in lines if "rejected" in line or "declined" in line), lines[-1])
            raise PushRefused(f"the server refuses the tag {name}: {reason}", where=self._git.command(*args))
        raise Unavailable(f"the tag {name} cannot be pushed: {_last(answer)}", where=self._git.command(*args))

    async def _ask(self, *args: str) -> Answer:
        try:
            return await self._network.ask(*args)
        except GitError as late:
            return Answer(late.status, "", late.stderr)


def _tags(listed: str) -> Iterator[Tag]:
    """From lines of `ls-remote`: an annotated tag has a second one with its commit."""
    pairs = (line.split("\t", 1) for line in listed.splitlines() if "\t" in line)
    found = {ref.removeprefix(_REFS): sha for sha, ref in pairs if ref.startswith(_REFS)}
    for name, sha in found.items():
        if not name.endswith(_PEELED):
            yield Tag(name, sha, found.get(f"{name}{_PEELED}", sha))


def _last(answer: Answer) -> str:
    lines = answer.err.strip().splitlines()
    return lines[-1] if lines else "no message"
