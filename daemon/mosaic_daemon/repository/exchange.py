"""Where code meets workers elsewhere: the origin, or a relay repository for workers that may not reach it.

The daemon puts there what an attempt starts from, the worker what it made, each under a ref of that attempt alone.
"""

from __future__ import annotations

from mosaic_daemon.ground.errors import Refused, Unavailable
from mosaic_daemon.ground.git import Answer, Git, GitError
from mosaic_daemon.repository.clone import NETWORK_SEC, Clone, kept

_NAMESPACE = "refs/heads/mosaic"
_ORIGIN = "origin"


def result_ref(task: str, fence: int) -> str:
    """Where the work of an attempt goes."""
    return f"{_NAMESPACE}/{_in_a_ref(task)}/a{fence}"


def base_ref(task: str, fence: int) -> str:
    """Where the commit is found that an attempt starts from."""
    return f"{_NAMESPACE}/{_in_a_ref(task)}/b{fence}"


class Exchange:
    """The daemon's side of it. `url`: the relay's, or the clone's own for the origin."""

    def __init__(self, clone: Clone) -> None:
        self._clone = clone
        self._network = Git(clone.git.directory, timeout_sec=NETWORK_SEC)

    async def put(self, url: str, commit: str, ref: str) -> None:
        """Make a commit available. Doing it again changes nothing.

        Raises:
            Unavailable: it cannot be reached. Refused: it does not take this.
        """
        args = ("push", "--quiet", "--porcelain", "--", self._remote(url), f"{commit}:{ref}")
        answer = await self._ask(args)
        if answer.status == 0:
            return
        said = f"{answer.out}\n{answer.err}"
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        if "rejected" in said or "declined" in said:
            reason = next((line for line in lines if "rejected" in line or "declined" in line), lines[-1])
            raise Refused(f"what a worker starts from cannot be pushed: {reason}", where=self._network.command(*args))
        raise self._unavailable(args, answer)

    async def take(self, url: str, ref: str, name: str) -> str | None:
        """Fetch what a worker pushed, and keep it as `refs/mosaic/<name>`; None: there is no such ref.

        Raises:
            Unavailable: it cannot be reached.
        """
        fetch = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-gc")
        args = (*fetch, "--", self._remote(url), f"+{ref}:{kept(name)}")
        answer = await self._ask(args)
        if answer.status == 0:
            return await self._clone.git.ref(kept(name))
        if "couldn't find remote ref" in answer.err:
            return None
        raise self._unavailable(args, answer)

    async def clear_task(self, url: str, task: str) -> None:
        """Remove what the attempts of a task have left there, once it is over. An outage leaves it there."""
        pattern = f"{_NAMESPACE}/{_in_a_ref(task)}/*"
        found = await self._ask(("ls-remote", "--refs", "--", self._remote(url), pattern))
        refs = [line.partition("\t")[2] for line in found.out.splitlines()]
        if refs:
            await self._ask(("push", "--quiet", "--porcelain", "--", self._remote(url), *(f":{ref}" for ref in refs)))

    def _remote(self, url: str) -> str:
        return _ORIGIN if url == self._clone.url else url

    async def _ask(self, args: tuple[str, ...]) -> Answer:
        try:
            return await self._network.ask(*args)
        except GitError as late:
            return Answer(late.status, "", late.stderr)

    def _unavailable(self, args: tuple[str, ...], answer: Answer) -> Unavailable:
        said = answer.err.strip().splitlines()
        problem = f"the repository that code travels through cannot be reached: {said[-1] if said else 'no message'}"
        return Unavailable(problem, where=self._network.command(*args), remedy="it is tried again by itself")


def _in_a_ref(task: str) -> str:
    """An id may end in a dot or hold two in a row, and no ref does; no other id is written in this way."""
    return task.replace("..", ".%2e") + ("%" if task.endswith((".", ".lock")) else "")
