"""What the daemon's clone knows of commits and files. It only reads; `Clone.base` brings it up to date."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mosaic_daemon.ground.git import Git, GitError

_TRACKING = re.compile(r"chore\(orchestrator\): .*\[skip ci\]")


@dataclass(frozen=True, slots=True)
class Merge:
    """A squash commit found on the base branch."""

    sha: str
    parents: tuple[str, ...]
    tree: str


@dataclass(frozen=True, slots=True)
class LandedTask:
    """A squash commit with the task and the gate its trailers name."""

    sha: str
    task: str
    gate: str


@dataclass(frozen=True, slots=True)
class Change:
    """One changed path. `mode`: git's file mode afterwards, `000000` when it is gone; `blob`: its content's name."""

    path: str
    mode: str
    blob: str


class Commits:
    """`branch`: the base branch as a full ref."""

    def __init__(self, git: Git, branch: str) -> None:
        self._git = git
        self.branch = branch

    async def find_merge(self, gate: str, since: str) -> Merge | None:
        """The commit on the base branch above `since` that carries this gate's trailer."""
        return await self._with_trailer("Mosaic-Gate", gate, since)

    async def find_trailer(self, name: str, value: str, since: str) -> str | None:
        """The commit on the base branch above `since` whose message has this line."""
        found = await self._with_trailer(name, value, since)
        return found.sha if found else None

    async def find_commit(self, sha: str, since: str) -> Merge | None:
        """A commit by its name, if the base branch has it above `since`."""
        if await self._git.sha(sha) is None or await self._git.is_ancestor(sha, since):
            return None
        return await self._oldest("--max-count=1", sha) if await self._git.is_ancestor(sha, self.branch) else None

    async def _with_trailer(self, name: str, value: str, since: str) -> Merge | None:
        pattern = f"^{name}: {re.escape(value)}$"
        return await self._oldest("--extended-regexp", f"--grep={pattern}", f"{since}..{self.branch}")

    async def _oldest(self, *selection: str) -> Merge | None:
        found = await self._git.run("log", "--first-parent", "--format=%H %T %P", *selection)
        if not found:
            return None
        sha, tree, *parents = found.splitlines()[-1].split()
        return Merge(sha, tuple(parents), tree)

    async def descendants(self, sha: str, limit: int) -> list[str]:
        """The commits that followed `sha` on the base branch, oldest first."""
        found = await self._git.run("rev-list", "--first-parent", "--reverse", f"{sha}..{self.branch}")
        return found.split()[:limit]

    async def below_tracking(self, sha: str) -> str:
        """The newest commit up to `sha` that is no tracking commit: those have no CI of their own."""
        out = await self._git.run("log", "--first-parent", "--max-count=100", "--format=%H %s", sha)
        lines = (line.partition(" ") for line in out.splitlines())
        return next((commit for commit, _, subject in lines if not _TRACKING.fullmatch(subject)), sha)

    async def committed_at(self, sha: str) -> int:
        """Seconds since the epoch, as the commit says."""
        return int(await self._git.run("show", "-s", "--format=%ct", sha))

    async def existing(self, sha: str, paths: Iterable[str]) -> list[str]:
        """Some of the files that a commit has under these paths; a trailing `/` asks for what is in a folder."""
        return (await self._git.run("ls-tree", "--name-only", "-r", sha, "--", *paths)).splitlines()[:3]

    async def files(self, sha: str, folder: str) -> list[str]:
        """Every file that a commit has directly in this folder, which ends in `/`."""
        return (await self._git.run("ls-tree", "--name-only", "-z", sha, "--", folder)).strip("\0").split("\0")

    async def landed_tasks(self) -> tuple[LandedTask, ...]:
        """Every squash commit of ours on the base branch, oldest first."""
        task, gate = (f"%(trailers:key=Mosaic-{name},valueonly,separator=%x2C)" for name in ("Task", "Gate"))
        args = ("log", "--reverse", f"--format=%H%x00{task}%x00{gate}", "--grep=^Mosaic-Gate: ", self.branch)
        found = (line.split("\0") for line in (await self._git.run(*args)).splitlines())
        return tuple(LandedTask(sha, task, gate) for sha, task, gate in found if task and gate)

    async def changes(self, base: str, head: str) -> tuple[Change, ...]:
        """What `head` changes since it left `base`."""
        out = await self._git.run("diff", "--raw", "-z", "--no-renames", "--no-abbrev", f"{base}...{head}")
        parts = out.split("\0")
        return tuple(
            Change(path, (fields := meta.split())[1], fields[3])
            for meta, path in zip(parts[::2], parts[1::2], strict=False)
        )

    async def blob(self, name: str) -> bytes:
        """A file's content byte for byte."""
        data = await self._git.blob(name)
        if data is None:
            raise GitError(self._git.command("cat-file", "blob", name), 128, "it cannot be read", "")
        return data

    async def read(self, revision: str, path: str) -> bytes | None:
        """A file's content in a commit, byte for byte, or None."""
        return await self._git.blob(f"{revision}:{path}")

    async def commits_of(self, revision: str, path: str, limit: int, *, beginning: str = "") -> list[str]:
        """The newest commits up to `revision` that changed a file, newest first. `beginning`: of their messages."""
        wanted = ("--basic-regexp", f"--grep=^{beginning}") if beginning else ()
        return (
            await self._git.run("log", f"--max-count={limit}", "--format=%H", *wanted, revision, "--", path)
        ).split()

    async def author(self, sha: str) -> str:
        """`Name <email>` of a commit's author."""
        return await self._git.run("show", "-s", "--format=%an <%ae>", sha)
