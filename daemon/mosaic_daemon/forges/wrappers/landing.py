"""What git says, where the scripts' own words do not count: heads of branches, and which commit is a gate's."""

from __future__ import annotations

from mosaic_daemon.forges.base import Landed, Proposal
from mosaic_daemon.ground.errors import Unavailable
from mosaic_daemon.ground.git import Git, GitError
from mosaic_daemon.repository.clone import Clone

_NETWORK_SEC = 60.0
_MOST_COMMITS = 200
_TRAILER = "%(trailers:key=Mosaic-Gate,valueonly,separator=%x2C)"


async def find_landed(clone: Clone, proposal: Proposal, base_sha: str) -> Landed | None:
    """The gate's squash commit above `base_sha`, as far as the base branch was fetched: by its trailer, or, as a script
    may have written another message, the first one that changes exactly what merging the head does there.
    """
    merge = await clone.commits.find_merge(proposal.gate, base_sha)
    if merge is not None:
        return Landed(merge.sha, merge.parents[0], merge.tree)
    for found, gate in await _above(clone, base_sha):
        if gate or found.tree == await clone.git.tree(found.parent):
            continue
        if (await clone.merged_tree(found.parent, proposal.head_sha)).tree == found.tree:
            return found
    return None


async def _above(clone: Clone, base_sha: str) -> list[tuple[Landed, str]]:
    """The commits of the base branch above `base_sha`, oldest first, each with the gate it names."""
    selection = ("--first-parent", "--reverse", f"--max-count={_MOST_COMMITS}", f"{base_sha}..{clone.base_ref}")
    out = await clone.git.run("log", f"--format=%H%x00%T%x00%P%x00{_TRAILER}", *selection)
    lines = (line.split("\0") for line in out.splitlines())
    return [(Landed(sha, parents.split()[0], tree), gate) for sha, tree, parents, gate in lines if parents]


async def head_of(clone: Clone, branch: str) -> str | None:
    """Where a branch of the origin is at this moment; None: there is no such branch.

    Raises:
        Unavailable: the origin cannot be asked.
    """
    git = Git(clone.git.directory, timeout_sec=_NETWORK_SEC)
    args = ("ls-remote", "--", "origin", f"refs/heads/{branch}")
    try:
        out = await git.run(*args)
    except GitError as error:
        raise Unavailable(f"the origin cannot be read: {error.problem}", where=git.command(*args)) from None
    return out.split()[0] if out else None
