"""Nothing that a worker writes runs in the daemon's git: every trap that is known leaves a mark when it springs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mosaic_daemon.ground.git import GitError
from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.repository.worktrees import Worktrees
from tests.repository.repos import Repository, commit, git, write
from tests.samples import NOON

HOOKS = (
    *("applypatch-msg", "pre-applypatch", "post-applypatch", "pre-commit", "prepare-commit-msg", "commit-msg"),
    *("post-commit", "pre-rebase", "post-checkout", "post-merge", "pre-push", "pre-receive", "update", "post-receive"),
    *("post-update", "reference-transaction", "push-to-checkout", "pre-auto-gc", "post-rewrite", "fsmonitor-watchman"),
    *("post-index-change", "proc-receive", "sendemail-validate"),
)


class Trapped:
    """A worker's directory, full of traps, with one good commit on its branch.

    Attributes:
        mark: exists as soon as any of them has sprung.
    """

    def __init__(self, repository: Repository, clone: Clone, trees: Worktrees, tree: Path) -> None:
        self.repository, self.clone, self.trees, self.tree = repository, clone, trees, tree
        self.mark = repository.folder / "SPRUNG"
        self.script = repository.folder / "trap.sh"
        self.script.write_text(f'#!/bin/sh\necho "$0 $@" >> {self.mark}\ncat\n')
        self.script.chmod(0o755)

    @classmethod
    async def make(cls, folder: Path, *, origin: bool = True) -> Trapped:
        repository = Repository(folder, origin=origin)
        clone = await repository.open()
        trees = repository.worktrees(clone)
        tree = await trees.ensure("T-1.1", "task/t-1", await clone.base())
        return cls(repository, clone, trees, tree)

    def sprung(self) -> str:
        return self.mark.read_text() if self.mark.exists() else ""

    def configure(self, **values: str) -> None:
        for key, value in values.items():
            git(self.tree, "config", "--add", key.replace("__", "."), value)

    def configuration(self) -> None:
        """Every key that names a command."""
        trap = str(self.script)
        keys = {
            "core.fsmonitor": trap,
            "core.hooksPath": str(self.tree / "hooks"),
            "core.sshCommand": trap,
            "core.gitProxy": trap,
            "core.pager": trap,
            "core.editor": trap,
            "core.askPass": trap,
            "core.alternateRefsCommand": trap,
            "uploadpack.packObjectsHook": trap,
            "credential.helper": f"!{trap}",
            "gpg.program": trap,
            "commit.gpgSign": "true",
            "diff.external": trap,
            "diff.evil.command": trap,
            "diff.evil.textconv": trap,
            "merge.evil.driver": f"{trap} %O %A %B",
            "filter.evil.clean": trap,
            "filter.evil.smudge": trap,
            "filter.evil.process": trap,
            "filter.evil.required": "true",
            "interactive.diffFilter": trap,
            "trailer.mosaic-gate.command": trap,
            "url.ext::sh -c touch% PWNED .insteadOf": "/",
            "protocol.ext.allow": "always",
            "protocol.file.allow": "never",
            "include.path": str(self.tree / "more.config"),
            "submodule.recurse": "true",
            "fetch.recurseSubmodules": "true",
            "core.worktree": "/",
            "gc.auto": "1",
            "maintenance.auto": "true",
            "gc.recentObjectsHook": trap,
        }
        lines = [f"[alias]\n\tstatus = !{trap}\n"]
        for key, value in keys.items():
            section, _, rest = key.partition(".")
            middle, _, name = rest.rpartition(".")
            head = f'[{section} "{middle}"]' if middle else f"[{section}]"
            lines.append(f'{head}\n\t{name} = "{value}"\n')
        with (self.tree / ".git" / "config").open("a") as file:
            file.write("".join(lines))
        (self.tree / "more.config").write_text(f"[core]\n\tfsmonitor = {trap}\n")

    def hooks(self) -> None:
        for folder in (self.tree / ".git" / "hooks", self.tree / "hooks"):
            folder.mkdir(exist_ok=True)
            for name in HOOKS:
                (folder / name).write_bytes(self.script.read_bytes())
                (folder / name).chmod(0o755)

    def attributes(self) -> dict[str, str | bytes | None]:
        """In the commit itself: every file goes through the evil drivers."""
        return {".gitattributes": "* filter=evil diff=evil merge=evil text\n", "sub/.gitattributes": "* filter=evil\n"}

    def submodule(self) -> None:
        """A repository inside, with a configuration of its own; as an entry of the index and untracked."""
        for name in ("module", "untracked-module"):
            inner = self.tree / name
            inner.mkdir()
            git(inner, "init", "-q", "-b", "main")
            commit(inner, {"x": "y"})
            with (inner / ".git" / "config").open("a") as file:
                file.write(f"[core]\n\tfsmonitor = {self.script}\n\thooksPath = {self.tree / 'hooks'}\n")
        write(self.tree, {".gitmodules": '[submodule "module"]\n\tpath = module\n\turl = ./m\n'})
        git(self.tree, "config", "submodule.module.update", f"!{self.script}")

    async def everything(self) -> None:
        """All that the daemon's git ever does with a worker's directory and its commits."""
        head = await self.clone.take(self.tree, "task/t-1", "attempts/T-1.1")
        assert head is not None
        base = await self.clone.base()
        await self.trees.dirty("T-1.1", head)
        for change in await self.clone.commits.changes(base, head):
            if change.mode not in ("160000", "000000"):
                await self.clone.commits.blob(change.blob)
        merged = await self.clone.merged_tree(base, head)
        assert merged.tree is not None
        candidate = await self.clone.squash(merged.tree, base, "x\n\nMosaic-Gate: T-1.1\n", NOON, "Ann <a@b>")
        await self.trees.ensure("T-1.1-ci", "candidate", candidate)
        await self.trees.keep_spare()
        await self.clone.land(candidate, base)
        assert await self.clone.base() == candidate
        await self.clone.commits.find_merge("T-1.1", base)
        await self.clone.commits.landed_tasks()
        table = await self.clone.commit_files(candidate, {"docs/TASKS.md": b"x\n"}, "table\n", NOON)
        await self.clone.land(table, candidate)
        await self.clone.fast_forward_checkout()
        await self.clone.forget(["attempts/T-1.1"])
        await self.trees.remove("T-1.1")


@pytest.fixture(params=[True, False], ids=["origin", "no-origin"])
async def trapped(request: pytest.FixtureRequest, tmp_path: Path) -> Trapped:
    return await Trapped.make(tmp_path, origin=request.param)


async def test_the_traps_are_armed(trapped: Trapped) -> None:
    """An ordinary git in the worker's directory springs them: else the other tests would prove nothing."""
    commit(trapped.tree, trapped.attributes())
    trapped.hooks()
    trapped.configuration()
    for command in (("add", "-A"), ("diff",), ("checkout", "-f", "HEAD~0")):
        trapped.mark.unlink(missing_ok=True)
        git(trapped.tree, f"--git-dir={trapped.tree}/.git", f"--work-tree={trapped.tree}", *command, check=False)
        assert trapped.sprung(), command


async def test_configuration_and_hooks_run_nothing(trapped: Trapped) -> None:
    """Whatever a worker writes below `.git`."""
    commit(trapped.tree, {"a.txt": "mine\n"})
    trapped.hooks()
    trapped.configuration()
    await trapped.everything()
    assert trapped.sprung() == ""


async def test_attributes_that_are_committed_run_nothing(trapped: Trapped) -> None:
    """They name drivers, and the daemon's git has none."""
    commit(trapped.tree, {"a.txt": "mine\n", **trapped.attributes()})
    trapped.hooks()
    trapped.configuration()
    write(trapped.tree, {"b.txt": "dirty\n", "sub/new.txt": "untracked\n"})
    await trapped.everything()
    assert trapped.sprung() == ""


async def test_repositories_inside_run_nothing(trapped: Trapped) -> None:
    """Neither one in the index nor one that just lies there; nor is either looked into."""
    trapped.submodule()
    commit(trapped.tree, {"a.txt": "mine\n"})
    git(trapped.tree, "add", "module", ".gitmodules")
    git(trapped.tree, "commit", "-q", "-m", "a submodule")
    trapped.hooks()
    trapped.configuration()
    write(trapped.tree, {"module/x": "changed\n", "untracked-module/x": "changed\n"})
    await trapped.everything()
    assert trapped.sprung() == ""


async def test_a_submodule_that_names_a_command_is_not_taken(trapped: Trapped) -> None:
    """Whoever cloned that would run it."""
    commit(trapped.tree, {".gitmodules": f'[submodule "m"]\n\tpath = m\n\turl = x\n\tupdate = !{trapped.script}\n'})
    with pytest.raises(GitError):
        await trapped.clone.take(trapped.tree, "task/t-1", "attempts/T-1.1")


@pytest.mark.parametrize("way", ["upload-pack", "ext", "ssh"])
async def test_a_promise_of_missing_objects_runs_nothing(trapped: Trapped, way: str) -> None:
    """A partial clone fetches what it lacks from wherever its worker says, by whatever command."""
    sha = commit(trapped.tree, {"a.txt": "mine\n"})
    blob = git(trapped.tree, "rev-parse", f"{sha}:a.txt")
    (trapped.tree / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    git(trapped.tree, "config", "core.repositoryformatversion", "1")
    git(trapped.tree, "config", "extensions.partialClone", "evil")
    trapped.configure(remote__evil__promisor="true", remote__evil__partialclonefilter="blob:none")
    trapped.script.write_text(f"#!/bin/sh\necho sprung >> {trapped.mark}\nexit 1\n")
    trap = str(trapped.script)
    match way:
        case "upload-pack":
            trapped.configure(remote__evil__url=str(trapped.repository.base), remote__evil__uploadpack=trap)
        case "ext":
            trapped.configure(remote__evil__url=f"ext::{trap} %S", protocol__ext__allow="always")
        case "ssh":
            trapped.configure(remote__evil__url="ssh://nowhere/x", core__sshCommand=trap)
    with pytest.raises(GitError):
        await trapped.clone.take(trapped.tree, "task/t-1", "attempts/T-1.1")
    assert trapped.sprung() == ""
    git(trapped.tree, "cat-file", "-p", blob, check=False)
    assert trapped.sprung(), "the trap was not armed"


async def test_alternates_run_nothing_and_lead_nowhere(trapped: Trapped) -> None:
    """Objects borrowed from places that are none are missing objects; the daemon's clone borrows from nobody."""
    commit(trapped.tree, {"a.txt": "mine\n"})
    with (trapped.tree / ".git" / "objects" / "info" / "alternates").open("a") as file:
        file.write(f"/dev/zero\n/proc/self/fd\n{trapped.repository.folder}/nothing\n../../../..\n")
    trapped.configuration()
    await trapped.everything()
    assert trapped.sprung() == ""
    assert not (trapped.clone.git.directory / "objects" / "info" / "alternates").exists()


@pytest.mark.parametrize("index", ["garbage", "fifo", "symlink", "folder", "missing", "fsmonitor", "split"])
async def test_an_index_that_is_anything(trapped: Trapped, index: str) -> None:
    """It is only ever a cache: whatever it is, nothing runs, nothing hangs, and dirty files are seen."""
    sha = commit(trapped.tree, {"a.txt": "mine\n"})
    file = trapped.tree / ".git" / "index"
    match index:
        case "fsmonitor":
            git(trapped.tree, "-c", f"core.fsmonitor={trapped.script}", "update-index", "--fsmonitor")
            trapped.mark.unlink(missing_ok=True)
        case "split":
            git(trapped.tree, "update-index", "--split-index")
        case _:
            file.unlink()
    match index:
        case "garbage":
            file.write_bytes(b"DIRC garbage")
        case "fifo":
            os.mkfifo(file)
        case "symlink":
            file.symlink_to("/dev/zero")
        case "folder":
            file.mkdir()
    write(trapped.tree, {"b.txt": "dirty\n"})
    assert await trapped.clone.take(trapped.tree, "task/t-1", "attempts/T-1.1") == sha
    assert await trapped.trees.dirty("T-1.1", sha) == ("b.txt",)
    assert trapped.sprung() == ""


async def test_a_directory_that_is_a_link_elsewhere(trapped: Trapped) -> None:
    """What it leads to is neither changed nor removed."""
    elsewhere = trapped.repository.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("x")
    (trapped.tree / "link").symlink_to(elsewhere)
    await trapped.trees.remove("T-1.1")
    (trapped.trees.root / "T-1.1").symlink_to(elsewhere)
    await trapped.trees.remove("T-1.1")
    assert (elsewhere / "precious").read_text() == "x"
    assert not (trapped.trees.root / "T-1.1").is_symlink()


@pytest.mark.parametrize("path", [".git/config", ".GIT/config", "sub/.git/hooks/x", ".git\u200c/config", "git~1"])
async def test_a_commit_that_writes_into_a_git_folder_is_not_taken(trapped: Trapped, path: str) -> None:
    """Made past git's own checks; the daemon's git checks every object that it takes."""
    blob = git(trapped.tree, "hash-object", "-w", "a.txt")
    tree = ""
    for name in reversed(path.split("/")):
        kind = f"100644 blob {blob}" if not tree else f"040000 tree {tree}"
        made = ("hash-object", "-t", "tree", "-w", "--stdin", "--literally")
        tree = git(trapped.tree, *made, stdin=_entry(kind, name))
    sha = git(trapped.tree, "commit-tree", tree, "-p", "HEAD", "-m", "evil")
    git(trapped.tree, "update-ref", "refs/heads/task/t-1", sha)
    with pytest.raises(GitError):
        await trapped.clone.take(trapped.tree, "task/t-1", "attempts/T-1.1")


def _entry(kind: str, name: str) -> bytes:
    mode, _, sha = kind.split()
    return f"{mode.lstrip('0')} {name}\0".encode() + bytes.fromhex(sha)
