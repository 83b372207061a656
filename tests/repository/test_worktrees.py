"""Workers' directories: complete or not there, at home for a worker, and read without a look at their configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from mosaic_daemon.ground.git import GitError
from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.repository.worktrees import Worktrees
from tests.repository.repos import Repository, commit, git, write


class Yard:
    """A repository, the daemon's clone of it, and its working directories."""

    def __init__(self, repository: Repository, clone: Clone, base: str) -> None:
        self.repository, self.clone, self.base = repository, clone, base
        self.trees: Worktrees = repository.worktrees(clone)

    async def make(self, name: str = "T-1.1", branch: str = "task/t-1") -> Path:
        return await self.trees.ensure(name, branch, self.base)

    async def dirty(self, tree: Path) -> tuple[str, ...]:
        head = await self.clone.take(tree, "task/t-1", f"attempts/{tree.name}")
        assert head is not None
        return await self.trees.dirty(tree.name, head)


@pytest.fixture
async def yard(tmp_path: Path) -> Yard:
    repository = Repository(tmp_path)
    commit(repository.root, {".gitignore": "*.log\nbuild/\n", "sub/deep.txt": "x\n"})
    git(repository.root, "push", "-q", "origin", "main")
    clone = await repository.open()
    return Yard(repository, clone, await clone.base())


class TestMaking:
    """What a worker finds."""

    async def test_a_fresh_checkout_on_its_branch(self, yard: Yard) -> None:
        """At the base, clean, with the base branch as `origin/main`, and nothing to be seen of anybody's hooks."""
        tree = await yard.make()
        assert git(tree, "symbolic-ref", "HEAD") == "refs/heads/task/t-1"
        assert git(tree, "rev-parse", "HEAD", "origin/main").split() == [yard.base, yard.base]
        assert git(tree, "status", "--porcelain") == ""
        assert (tree / "sub" / "deep.txt").read_text() == "x\n"
        assert list((tree / ".git").glob("hooks/*")) == []

    async def test_a_worker_can_commit_fetch_rebase_and_push(self, yard: Yard) -> None:
        """What its prompt tells it to do. A push stays in its own directory."""
        tree = await yard.make()
        commit(tree, {"a.txt": "mine\n"})
        sha = yard.repository.push({"b.txt": "theirs\n"})
        await yard.clone.base()
        git(tree, "fetch", "-q", "origin")
        git(tree, "rebase", "-q", "origin/main")
        assert git(tree, "rev-parse", "HEAD~1") == sha
        git(tree, "push", "-q", "--force", "origin", "task/t-1")
        assert await yard.clone.take(tree, "task/t-1", "attempts/T-1.1") == git(tree, "rev-parse", "HEAD")
        for place in (yard.repository.base, yard.repository.root, yard.clone.git.directory):
            assert "task/t-1" not in git(place, "for-each-ref")

    async def test_it_commits_as_the_person(self, yard: Yard) -> None:
        """Unless the worker says otherwise."""
        git(yard.repository.root, "config", "user.name", 'Zoë "Z" \\ #;')
        git(yard.repository.root, "config", "user.email", "zoe@example.org")
        yard = Yard(yard.repository, await yard.repository.open(), yard.base)
        tree = await yard.make()
        assert git(tree, "config", "user.name") == 'Zoë "Z" \\ #;'

    async def test_what_is_there_already_is_left_alone(self, yard: Yard) -> None:
        """Somebody may be at work in it."""
        tree = await yard.make()
        write(tree, {"a.txt": "half done\n"})
        assert await yard.make() == tree
        assert (tree / "a.txt").read_text() == "half done\n"

    async def test_one_that_was_half_made_is_made_anew(self, yard: Yard) -> None:
        """A daemon that dies while making it leaves nothing that could be taken for it."""
        with pytest.raises(GitError):
            await yard.trees.ensure("T-1.1", "task/t-1", "1" * 40)
        assert not yard.trees.path("T-1.1").exists()
        for rest in (".git/refs/heads/old", "b.txt", "rubbish"):
            write(yard.trees.root / ".new-T-1.1", {rest: "x"})
        tree = await yard.make()
        assert git(tree, "status", "--porcelain", "--ignored") == ""
        assert git(tree, "for-each-ref", "refs/heads", "--format=%(refname)") == "refs/heads/task/t-1"

    @pytest.mark.parametrize("branch", ["a", "a/b/c", "HEAD", "main", "main/x", "origin", "x" * 200, "refs/heads/y"])
    async def test_any_branch_that_is_allowed(self, yard: Yard, branch: str) -> None:
        """The worker's head is found again."""
        tree = await yard.make("T-1.1", branch)
        sha = commit(tree, {"a.txt": "mine\n"})
        assert await yard.clone.take(tree, branch, "attempts/T-1.1") == sha

    async def test_a_spare_one_becomes_any_other(self, yard: Yard) -> None:
        """However old it is: at the new base, clean, on its own branch, and no spare is left."""
        await yard.trees.keep_spare()
        await yard.trees.keep_spare()
        sha = yard.repository.push({"a.txt": None, "new/c.txt": "three\n", "sub/deep.txt": "y\n"})
        yard.base = await yard.clone.base()
        tree = await yard.make()
        assert (git(tree, "rev-parse", "HEAD"), git(tree, "status", "--porcelain", "--ignored")) == (sha, "")
        assert git(tree, "for-each-ref", "--format=%(refname)").split() == [
            "refs/heads/task/t-1",
            "refs/remotes/origin/main",
        ]
        assert git(tree, "config", "remote.origin.pushurl") == str(tree / ".git")
        assert yard.trees.names() == ["T-1.1"]

    async def test_their_names(self, yard: Yard) -> None:
        """None before the first one."""
        assert yard.trees.names() == []
        await yard.make()
        await yard.make("T-2.1", "task/t-2")
        assert (yard.trees.names(), yard.trees.names("T-2.")) == (["T-1.1", "T-2.1"], ["T-2.1"])


class TestDirty:
    """What differs from the head that a worker named."""

    async def test_a_clean_one(self, yard: Yard) -> None:
        """Before and after a commit, and with files that are ignored."""
        tree = await yard.make()
        assert await yard.dirty(tree) == ()
        commit(tree, {"a.txt": "mine\n", "new.txt": "x\n"})
        write(tree, {"x.log": "x", "build/y": "y"})
        assert await yard.dirty(tree) == ()

    @pytest.mark.parametrize(
        ("mess", "paths"),
        [
            ("changed", ("a.txt",)),
            ("staged", ("a.txt",)),
            ("staged-and-undone", ("a.txt",)),
            ("deleted", ("a.txt",)),
            ("new", ("new.txt",)),
            ("new-in-folder", ("more/new.txt",)),
            ("odd-name", ('tab\t"q" ü\nx',)),
            ("mode", ("a.txt",)),
            ("to-link", ("a.txt",)),
            ("to-folder", ("a.txt", "a.txt/inside")),
            ("same-size-same-time", ("a.txt",)),
        ],
    )
    async def test_every_kind_of_mess(self, yard: Yard, mess: str, paths: tuple[str, ...]) -> None:
        """Named path by path."""
        tree = await yard.make()
        commit(tree, {"a.txt": "mine\n"})
        file = tree / "a.txt"
        match mess:
            case "changed" | "staged":
                file.write_text("other\n")
            case "staged-and-undone":
                file.write_text("other\n")
                git(tree, "add", "a.txt")
                file.write_text("another\n")
            case "deleted":
                file.unlink()
            case "mode":
                file.chmod(0o755)
            case "to-link":
                file.unlink()
                file.symlink_to("b.txt")
            case "to-folder":
                file.unlink()
                write(tree, {"a.txt/inside": "x"})
            case "same-size-same-time":
                file.write_text("MINE\n")
            case _:
                write(tree, {paths[0]: "x"})
        if mess == "staged":
            git(tree, "add", "a.txt")
        assert await yard.dirty(tree) == paths

    async def test_a_head_that_is_not_checked_out(self, yard: Yard) -> None:
        """The branch was committed to, and something else is in the directory."""
        tree = await yard.make()
        commit(tree, {"a.txt": "mine\n"})
        git(tree, "checkout", "-q", yard.base)
        assert await yard.dirty(tree) == ("a.txt",)

    async def test_looking_changes_nothing(self, yard: Yard) -> None:
        """Neither in the directory nor in the daemon's clone."""
        tree = await yard.make()
        write(tree, {"a.txt": "other\n", "new.txt": "x"})
        before = (git(tree, "status", "--porcelain=v2"), (tree / ".git" / "index").read_bytes())
        await yard.dirty(tree)
        assert ((tree / ".git" / "index").read_bytes(), list(yard.clone.git.directory.glob("index*"))) == (
            before[1],
            [],
        )
        assert git(tree, "status", "--porcelain=v2") == before[0]


class TestRemoving:
    """Whatever a worker has made of it."""

    async def test_modes_links_and_folders_within(self, yard: Yard) -> None:
        """All of it goes, nothing that it points to does."""
        tree = await yard.make()
        precious = yard.repository.folder / "precious"
        write(precious, {"x": "y"})
        (tree / "link").symlink_to(precious)
        (tree / "dangling").symlink_to(tree / "nowhere")
        write(tree, {"locked/in/x": "y"})
        for folder in (tree / "locked" / "in", tree / "locked", tree):
            folder.chmod(0o000)
        await yard.trees.remove(tree.name)
        assert not tree.exists()
        assert (precious / "x").read_text() == "y"
        await yard.trees.remove(tree.name)
        await yard.trees.remove("never-was")

    async def test_one_that_is_a_link_or_a_file(self, yard: Yard) -> None:
        """The link goes, and only the link."""
        precious = yard.repository.folder / "precious"
        write(precious, {"x": "y"})
        yard.trees.root.mkdir()
        yard.trees.path("T-1.1").symlink_to(precious)
        yard.trees.path("T-2.1").write_text("x")
        for name in ("T-1.1", "T-2.1"):
            await yard.trees.remove(name)
        assert yard.trees.names() == []
        assert (precious / "x").read_text() == "y"
