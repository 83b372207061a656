"""The daemon's own bare clone (`gate.git`) of the repository's origin, and everything it says about commits.

Without an origin the person's repository itself takes its place: changes land on its base branch by compare-and-swap.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import anyio

from mosaic_daemon.ground import atomicfile
from mosaic_daemon.ground.errors import InputError, Refused, Unavailable
from mosaic_daemon.ground.git import Answer, Git, GitError, environment
from mosaic_daemon.nouns.boundaries import check_own
from mosaic_daemon.repository.commits import Commits
from mosaic_daemon.repository.configuration import PersonsConfiguration, without_password

NETWORK_SEC = 60.0
_UNREACHABLE_SEC = 4.0
_FETCH = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-gc")
BUSY = {
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
}
"""What a file in the git directory says that a person is in the middle of."""


@dataclass(frozen=True, slots=True)
class MergedTree:
    """What merging gives. `tree` is None when it conflicts; then `conflicts` names the files."""

    tree: str | None
    conflicts: tuple[str, ...] = ()


class PushRefused(Refused):
    """A branch of the origin could not be moved, and trying again would not change that."""


class BaseMoved(Exception):
    """The base branch is not where it was when the commit was built; nothing was changed."""


class Clone:
    """The daemon's bare clone.

    Attributes:
        root: the person's repository; branch: the base branch.
        url: where changes land, fit to be shown. has_origin: False when that is the person's repository itself.
        identity: who commits. commits: what is known of them.
    """

    def __init__(self, git: Git, root: Path, branch: str, person: PersonsConfiguration) -> None:
        self.git = git
        self.root = root
        self.branch = branch
        self.has_origin = person.origin is not None
        self.url = without_password(person.origin or str(root))
        self.identity = person.identity
        self.commits = Commits(git, self.base_ref)
        self._network = Git(git.directory, timeout_sec=NETWORK_SEC)
        self._unreachable: tuple[float, Unavailable] | None = None

    @classmethod
    async def open(cls, root: Path, directory: Path, branch: str) -> Clone:
        """Make or reuse the bare clone in `directory` for the repository at `root`.

        Raises:
            InputError: `root` is not a git repository, or `branch` cannot be a branch.
        """
        person = await PersonsConfiguration.read(root)
        git = Git(directory)
        if (await git.ask("check-ref-format", f"refs/heads/{branch}")).status != 0:
            raise InputError(f"{branch!r} cannot be a branch name", source="tracking.base_branch")
        if not (directory / "HEAD").exists():
            await git.run("init", "--quiet", "--bare", "--template=", f"--initial-branch={branch}", str(directory))
        atomicfile.write(directory / "config", person.text(person.origin or str(root)).encode())
        return cls(git, root, branch, person)

    @property
    def base_ref(self) -> str:
        return f"refs/heads/{self.branch}"

    async def base(self) -> str:
        """The newest commit of the base branch, read from where changes land.

        An origin that cannot be reached is not asked again for a while, so that everything else goes on meanwhile.

        Raises:
            Unavailable: it cannot be reached.
            InputError: it has no such branch.
        """
        if self._unreachable is not None and time.monotonic() < self._unreachable[0]:
            raise self._unreachable[1]
        spec = f"+{self.base_ref}:{self.base_ref}"
        # Old histories often hold objects that a strict check refuses; what a worker made is checked in `take`.
        args = ("-c", "transfer.fsckObjects=false", *_FETCH, "--", "origin", spec)
        try:
            answer = await self._network.ask(*args)
        except GitError as late:
            answer = Answer(late.status, "", late.stderr)
        if answer.status == 0:
            self._unreachable = None
            return await self.git.ref(self.base_ref)
        if "couldn't find remote ref" in answer.err:
            raise InputError(
                f"there is no branch `{self.branch}`",
                source=self.url,
                remedy="push it, make a first commit, or set `tracking.base_branch`",
            )
        said = answer.err.strip().splitlines()
        problem = f"the origin cannot be read: {said[-1] if said else 'no message'}"
        error = Unavailable(problem, where=self.git.command(*args), remedy="it is tried again by itself")
        self._unreachable = (time.monotonic() + _UNREACHABLE_SEC, error)
        raise error

    async def fork_point(self, head: str) -> str | None:
        """The commit at which `head` left the base branch, as that was read last; None: they have nothing in common."""
        answer = await self.git.ask("merge-base", self.base_ref, head)
        return answer.out.strip() if answer.status == 0 else None

    async def take(self, source: Path, branch: str, name: str) -> str | None:
        """Fetch the head of `branch` from a worker's repository as `refs/mosaic/<name>`; None when it has none.

        Nothing of the worker's configuration takes part: only commits travel.
        """
        spec = f"+refs/heads/{branch}:{kept(name)}"
        args = (*_FETCH, "--", str(source), spec)
        answer = await self.git.ask(*args)
        if answer.status != 0:
            if "couldn't find remote ref" in answer.err or not source.exists():
                return None
            raise GitError(self.git.command(*args), answer.status, answer.err, str(source))
        return await self.git.ref(kept(name))

    async def forget(self, names: Iterable[str]) -> None:
        """Drop what `take` fetched under these names."""
        deletions = "".join(f"delete {kept(name)}\n" for name in names)
        await self.git.ask("update-ref", "--stdin", stdin=deletions.encode())

    async def merged_tree(self, base: str, head: str) -> MergedTree:
        """What merging `head` into `base` gives, without touching anything."""
        answer = await self.git.ask("merge-tree", "--write-tree", "--name-only", "--no-messages", base, head)
        lines = answer.out.splitlines()
        if answer.status == 0:
            return MergedTree(lines[0])
        if answer.status == 1 and lines:  # without a tree it did not merge at all: a commit is missing
            return MergedTree(None, tuple(dict.fromkeys(line for line in lines[1:] if line)))
        raise GitError(self.git.command("merge-tree", "--write-tree", base, head), answer.status, answer.err, "")

    async def squash(self, tree: str, base: str, message: str, at: datetime, author: str) -> str:
        """The commit with `tree` on top of `base`. The same arguments give the same commit, however often."""
        stamp = f"{int(at.timestamp())} +0000"
        name, _, email = author.rpartition(" <")
        person = {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": email.rstrip(">")} if name else {}
        env = {**self.identity.environment(), **person, "GIT_AUTHOR_DATE": stamp, "GIT_COMMITTER_DATE": stamp}
        return await self.git.run("commit-tree", tree, "-p", base, "-F", "-", env=env, stdin=message.encode())

    async def land(self, commit: str, base: str) -> None:
        """Move the base branch from `base` to `commit` where changes land: compare-and-swap, never backwards.

        Raises:
            BaseMoved: it is not at `base`.
            Refused: a person's unfinished work or a rule of the server is in the way.
            Unavailable: somebody else is moving the branch at this very moment.
            GitError: anything else; whether it landed must be probed.
        """
        if not await self.git.is_ancestor(base, commit):
            raise BaseMoved(f"{commit} is not on top of {base}")
        if not self.has_origin:
            self._check_person_is_not_busy()
        # The lease makes it a compare-and-swap on `base`. It would also force, which is why `commit` was checked.
        args = ["push", "--quiet", "--porcelain", f"--force-with-lease={self.base_ref}:{base}"]
        if not self.has_origin:
            args.append(f"--receive-pack={_INTO_CHECKOUT}")
        answer = await self._network.ask(*args, "--", "origin", f"{commit}:{self.base_ref}")
        if answer.status == 0:
            return
        said = answer.out + "\n" + answer.err
        if "stale info" in said or "fetch first" in said or "non-fast-forward" in said or "failed to lock" in said:
            raise BaseMoved(said.strip())
        if "failed to update ref" in said or "cannot lock ref" in said:
            raise Unavailable(f"`{self.branch}` is just being moved by somebody else", where=self.url)
        if "Working directory has" in said or "Could not update working tree" in said:
            raise Refused(
                f"`{self.branch}` is checked out with uncommitted or untracked files in the way",
                where=str(self.root),
                remedy="commit, stash or move them, or check out another branch; the landing waits",
            )
        command = self.git.command(*args, "--", "origin", f"{commit}:{self.base_ref}")
        if "[remote rejected]" in said or "hook declined" in said or "protected" in said:
            reason = next(
                (line for line in said.splitlines() if "rejected" in line or "declined" in line), said.strip()
            )
            raise Refused(f"the server refused the push: {reason.strip()}", where=command)
        raise GitError(command, answer.status, answer.err, "")

    async def push_branch(self, commit: str, branch: str) -> bool:
        """Put a branch of the origin at `commit`, never by force. False: it holds work that `commit` does not contain.

        Raises:
            PushRefused: a rule of the server is in the way. Unavailable: the origin cannot be reached.
        """
        args = ("push", "--quiet", "--porcelain", "--", "origin", f"{commit}:refs/heads/{branch}")
        try:
            answer = await self._network.ask(*args)
        except GitError as late:
            answer = Answer(late.status, "", late.stderr)
        said = answer.out + "\n" + answer.err
        if answer.status == 0:
            return True
        if "fetch first" in said or "non-fast-forward" in said:
            return False
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        is_race = "failed to update ref" in said and "cannot create" not in said  # that would be another branch's name
        if not is_race and ("[remote rejected]" in said or "declined" in said):
            reason = next((line for line in lines if "rejected" in line or "declined" in line), lines[-1])
            raise PushRefused(f"the server refused the push: {reason}", where=self.git.command(*args))
        problem = f"the origin cannot be pushed to: {lines[-1] if lines else 'no message'}"
        raise Unavailable(problem, where=self.git.command(*args))

    async def commit_files(self, base: str, files: Mapping[str, bytes | None], message: str, at: datetime) -> str:
        """A commit on top of `base` in which exactly `files` are replaced, or removed where they are None.

        Raises:
            Refused: one of them is not the daemon's to commit.
        """
        check_own(files)
        index = self.git.directory / f"index.{os.getpid()}"
        env = {"GIT_INDEX_FILE": str(index)}
        try:
            await self.git.run("read-tree", base, env=env)
            for path, data in files.items():
                if data is None:
                    gone = f"0 {'0' * 40}\t{path}\0".encode()
                    await self.git.run("update-index", "-z", "--index-info", env=env, stdin=gone)
                    continue
                blob = await self.git.run("hash-object", "-w", "--stdin", stdin=data)
                await self.git.run("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", env=env)
            tree = await self.git.run("write-tree", env=env)
        finally:
            index.unlink(missing_ok=True)
        return await self.squash(tree, base, message, at, "")

    async def fast_forward_checkout(self) -> None:
        """Bring the person's checkout up to date if it is on the base branch, clean and strictly behind."""
        if not self.has_origin or await _checked_out(self.root) != self.base_ref:
            return
        await self.base()
        args = ("push", "--quiet", f"--receive-pack={_INTO_CHECKOUT}", "--", str(self.root))
        refs = (f"{self.base_ref}:{self.base_ref}", f"+{self.base_ref}:refs/remotes/origin/{self.branch}")
        await self.git.ask(*args, *refs)

    def _check_person_is_not_busy(self) -> None:
        git_directory = self.root / ".git"
        for marker, what in BUSY.items():
            if (git_directory / marker).exists():
                raise Refused(
                    f"the repository is in the middle of {what}",
                    where=str(self.root),
                    remedy="finish or abort it; the landing waits",
                )


_INTO_CHECKOUT = "git -c receive.denyCurrentBranch=updateInstead -c core.hooksPath=/dev/null receive-pack"


def kept(name: str) -> str:
    """The ref that keeps what was taken: an id may end in a dot, and no ref has two of them in a row."""
    return f"refs/mosaic/{name.replace('..', '.%2e')}"


async def _checked_out(root: Path) -> str:
    done = await anyio.run_process(
        ["git", "-C", str(root), "symbolic-ref", "--quiet", "HEAD"], check=False, env=environment()
    )
    return done.stdout.decode().strip()
