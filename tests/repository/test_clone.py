"""The daemon's own clone: what it says about commits, what it lands, and whose files it leaves alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mosaic_daemon.ground.errors import InputError, Refused, Unavailable
from mosaic_daemon.ground.git import GitError
from mosaic_daemon.repository.clone import BaseMoved, Clone
from mosaic_daemon.repository.commits import Change
from tests.repository.repos import Repository, commit, git, write
from tests.samples import NOON


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


async def taken(clone: Clone, tree: Path, branch: str = "work") -> str:
    head = await clone.take(tree, branch, "attempts/x")
    assert head is not None
    return head


def worker(repository: Repository, branch: str = "work") -> Path:
    tree = repository.folder / "worker"
    git(repository.folder, "clone", "-q", str(repository.base), str(tree))
    git(tree, "checkout", "-q", "-b", branch)
    return tree


class TestOpening:
    """What is taken over from the person, and what is not."""

    async def test_it_is_bare_private_and_made_once(self, repository: Repository) -> None:
        """Opened again it is the same."""
        clone = await repository.open()
        base = await clone.base()
        again = await repository.open()
        assert git(again.git.directory, "rev-parse", "refs/heads/main") == base
        assert git(again.git.directory, "config", "core.bare") == "true"
        assert stat.S_IMODE((again.git.directory / "config").stat().st_mode) == 0o600
        assert list((again.git.directory / "hooks").glob("*") if (again.git.directory / "hooks").exists() else []) == []

    async def test_where_no_repository_is(self, tmp_path: Path) -> None:
        """Named as a wrong input."""
        with pytest.raises(InputError):
            await Clone.open(tmp_path, tmp_path / "gate.git", "main")

    @pytest.mark.parametrize("branch", ["", "a b", "a..b", "/x", "x.lock", "a\nb", "x^"])
    async def test_a_base_branch_that_can_be_none(self, repository: Repository, branch: str) -> None:
        """A wrong setting, not an origin that cannot be reached."""
        with pytest.raises(InputError, match=r"tracking\.base_branch"):
            await Clone.open(repository.root, repository.folder / "gate.git", branch)

    @pytest.mark.parametrize("branch", ["release+1", "ünï/x", "-x", "feature#1"])
    async def test_any_other_base_branch(self, repository: Repository, branch: str) -> None:
        """It is the repository's, not ours to like."""
        git(repository.base, "update-ref", f"refs/heads/{branch}", "main")
        clone = await Clone.open(repository.root, repository.folder / "gate.git", branch)
        base = await clone.base()
        tree = await repository.worktrees(clone).ensure("T-1.1", "work", base)
        assert git(tree, "fetch", "-q", "origin") == ""
        await clone.land(await clone.commit_files(base, {"docs/TASKS.md": b"y"}, "x", NOON), base)
        assert git(repository.base, "log", "-1", "--format=%s", f"refs/heads/{branch}") == "x"

    async def test_the_person_commits(self, repository: Repository) -> None:
        """Their name and address; without them the daemon's own."""
        git(repository.root, "config", "user.name", "")
        assert (await repository.open()).identity.name == "mosaic-orchestrator"
        git(repository.root, "config", "user.name", 'Zoë "Z" O\\Brien')
        git(repository.root, "config", "user.email", "zoe@example.org")
        clone = await repository.open()
        base = await clone.base()
        sha = await clone.squash(await clone.git.tree(base), base, "x", NOON, "")
        assert git(clone.git.directory, "show", "-s", "--format=%cn|%ce", sha) == 'Zoë "Z" O\\Brien|zoe@example.org'

    @pytest.mark.parametrize("name", ["a\nb", "a<b", "a>b"])
    async def test_a_name_that_cannot_stand_in_a_commit(self, repository: Repository, name: str) -> None:
        """Said at the start, not at the first commit."""
        git(repository.root, "config", "user.name", name)
        git(repository.root, "config", "user.email", "x@example.org")
        with pytest.raises(InputError, match=r"user\.name"):
            await repository.open()

    async def test_what_the_network_needs_is_taken_over(self, repository: Repository) -> None:
        """Every value of a key, in its order: an empty helper takes back those before it. Nothing else."""
        root = repository.root
        for value in ("store", "", 'cache --timeout "9"'):
            git(root, "config", "--add", "credential.helper", value)
        for value in ("gh:", "git@gh:"):
            git(root, "config", "--add", "url.https://example.org/a;b#c.insteadOf", value)
        git(root, "config", "core.pager", "evil")
        git(root, "config", "core.sshCommand", "ssh -i 'x y'")
        with (root / ".git" / "config").open("a") as file:
            file.write("[http]\n\tsslVerify\n[diff]\n\texternal = evil\n")
        clone = await repository.open()

        def said(*args: str) -> list[str]:
            return git(clone.git.directory, "config", *args).split("\n")

        assert said("--get-all", "credential.helper") == ["store", "", 'cache --timeout "9"']
        assert said("--get-all", "url.https://example.org/a;b#c.insteadOf") == ["gh:", "git@gh:"]
        assert said("--get", "core.sshCommand") == ["ssh -i 'x y'"]
        assert said("--type=bool", "--get", "http.sslVerify") == ["true"]
        assert git(clone.git.directory, "config", "--get-regexp", "pager|external", check=False) == ""
        git(root, "config", "--unset-all", "credential.helper")
        assert git((await repository.open()).git.directory, "config", "credential.helper", check=False) == ""

    @pytest.mark.parametrize("name", ["with space", 'quo"te', "ha#sh;semi", "back\\slash", "ünï-cödé", "a:b", "-dash"])
    async def test_a_repository_at_any_path(self, tmp_path: Path, name: str) -> None:
        """Read, worked on, landed on."""
        (tmp_path / name).mkdir()
        repository = Repository(tmp_path / name)
        clone = await repository.open()
        base = await clone.base()
        tree = await repository.worktrees(clone).ensure("T-1.1", "work", base)
        head = commit(tree, {"a.txt": "mine\n"})
        git(tree, "push", "-q", "origin", "work")
        git(tree, "fetch", "-q", "origin")
        assert await taken(clone, tree) == head
        await clone.land(await clone.squash(await clone.git.tree(head), base, "x", NOON, ""), base)
        assert repository.show("main", "a.txt") == "mine"

    async def test_an_origin_with_a_relative_path(self, tmp_path: Path) -> None:
        """It is relative to the repository, not to where the daemon was started."""
        repository = Repository(tmp_path)
        git(repository.root, "remote", "set-url", "origin", "../origin.git")
        assert await (await repository.open()).base() == repository.head()

    async def test_a_password_in_an_address_is_not_shown(self, repository: Repository) -> None:
        """Neither as the address nor in an error."""
        git(repository.root, "remote", "set-url", "origin", "https://me:s3cret@127.0.0.1:1/x.git")
        clone = await repository.open()
        with pytest.raises(Unavailable) as caught:
            await clone.base()
        assert "s3cret" not in f"{clone.url} {caught.value.line}"


class TestReading:
    """What is said of commits."""

    async def test_a_base_branch_that_is_not_there(self, repository: Repository) -> None:
        """Named, with what to do."""
        clone = await Clone.open(repository.root, repository.folder / "gate.git", "trunk")
        with pytest.raises(InputError, match="there is no branch `trunk`"):
            await clone.base()

    async def test_a_base_branch_that_was_wound_back(self, repository: Repository) -> None:
        """It is where it is."""
        clone = await repository.open()
        first = await clone.base()
        repository.push({"x": "y"})
        assert await clone.base() != first
        git(repository.base, "update-ref", "refs/heads/main", first)
        assert await clone.base() == first

    async def test_an_origin_that_is_gone(self, repository: Repository) -> None:
        """Not now, maybe later."""
        clone = await repository.open()
        assert repository.origin is not None
        repository.origin.rename(repository.folder / "gone")
        with pytest.raises(Unavailable):
            await clone.base()

    async def test_an_old_history_with_objects_that_a_strict_check_refuses(self, repository: Repository) -> None:
        """It is what it is, and was not made by a worker."""
        blob = git(repository.base, "rev-parse", "main:a.txt")
        tree = os.fsencode(f"{repository.folder}/tree")
        Path(os.fsdecode(tree)).write_bytes(b"0100644 padded\0" + bytes.fromhex(blob))
        odd = git(repository.base, "hash-object", "-t", "tree", "-w", "--literally", os.fsdecode(tree))
        sha = git(repository.base, "commit-tree", odd, "-p", "main", "-m", "old")
        git(repository.base, "update-ref", "refs/heads/main", sha)
        assert await (await repository.open()).base() == sha

    @pytest.mark.parametrize(
        "text", [b"", b"\n", b"x", b"x\n", b"x\n\n\n", b"x\r\n", b"\xff\xfe\n", b"\0\n", "ü\n".encode()]
    )
    async def test_a_file_is_read_byte_for_byte(self, repository: Repository, text: bytes) -> None:
        """Its last newline is part of it, and so is what is not text."""
        repository.push({"docs/TASKS.md": text})
        clone = await repository.open()
        base = await clone.base()
        assert await clone.commits.read(base, "docs/TASKS.md") == text
        assert await clone.commits.blob(await clone.git.run("rev-parse", f"{base}:docs/TASKS.md")) == text
        assert await clone.commits.read(base, "docs/none.md") is None

    async def test_changes_are_told_path_by_path(self, repository: Repository) -> None:
        """New, changed, deleted, renamed, of another kind; and whatever can stand in a path."""
        clone = await repository.open()
        base = await clone.base()
        tree = worker(repository)
        odd = 'tab\t"quote" new\nline ü.txt'
        git(tree, "mv", "a.txt", "c.txt")
        (tree / "link").symlink_to("b.txt")
        write(tree, {odd: "x", "b.txt": None})
        (tree / "run.sh").write_text("x")
        (tree / "run.sh").chmod(0o755)
        git(tree, "add", "-A")
        git(tree, "commit", "-q", "-m", "all")
        changes = await clone.commits.changes(base, await taken(clone, tree))
        assert {change.path: change.mode for change in changes} == {
            "a.txt": "000000",
            "b.txt": "000000",
            "c.txt": "100644",
            "link": "120000",
            "run.sh": "100755",
            odd: "100644",
        }
        link = next(change for change in changes if change.path == "link")
        assert isinstance(link, Change)
        assert await clone.commits.blob(link.blob) == b"b.txt"

    async def test_the_head_of_a_branch_that_a_worker_has_not(self, repository: Repository) -> None:
        """None: not a failure of git."""
        clone = await repository.open()
        tree = worker(repository)
        assert await clone.take(tree, "other", "attempts/x") is None
        assert await clone.take(repository.folder / "nowhere", "work", "attempts/x") is None

    async def test_what_was_taken_outlives_the_worker(self, repository: Repository) -> None:
        """Until it is forgotten; then forgetting it again is nothing."""
        clone = await repository.open()
        tree = worker(repository)
        commit(tree, {"a.txt": "mine\n"})
        head = await taken(clone, tree)
        (tree / ".git" / "HEAD").unlink()
        assert await clone.commits.read(head, "a.txt") == b"mine\n"
        for _ in range(2):
            await clone.forget(["attempts/x", "attempts/never"])
        assert git(clone.git.directory, "for-each-ref", "refs/mosaic") == ""

    @pytest.mark.parametrize("name", ["T-1.1", "a..1", "x.lock.1", "x.-1", "A" * 64 + ".1"])
    async def test_every_attempt_name_can_be_kept(self, repository: Repository, name: str) -> None:
        """An id may end in a dot."""
        clone = await repository.open()
        tree = worker(repository)
        assert await clone.take(tree, "work", f"attempts/{name}") == git(tree, "rev-parse", "HEAD")

    async def test_landed_tasks_are_found_by_their_trailers(self, repository: Repository) -> None:
        """Oldest first; a text that only looks like one is none."""
        repository.push({"1": "1"}, "T-1: x\n\nMosaic-Task: T-1\nMosaic-Gate: T-1.2\n")
        repository.push({"2": "2"}, "talks of\n\nMosaic-Gate: T-9.1\n\nand more")
        repository.push({"3": "3"}, "T-2: x\n\nMosaic-Task: T-2\nMosaic-Gate: T-2.1\n")
        clone = await repository.open()
        await clone.base()
        found = await clone.commits.landed_tasks()
        assert [(each.task, each.gate) for each in found] == [("T-1", "T-1.2"), ("T-2", "T-2.1")]


class TestLanding:
    """Compare-and-swap, never backwards, never over anybody's work."""

    async def test_it_moves_only_from_where_it_was_seen(self, repository: Repository) -> None:
        """Whoever was quicker stays."""
        clone = await repository.open()
        base = await clone.base()
        mine = await clone.commit_files(base, {"docs/TASKS.md": b"x"}, "mine", NOON)
        theirs = repository.push({"theirs": "x"})
        with pytest.raises(BaseMoved):
            await clone.land(mine, base)
        with pytest.raises(BaseMoved):
            await clone.land(mine, mine)
        assert repository.head() == theirs

    async def test_landing_it_again_is_nothing(self, repository: Repository) -> None:
        """A lost answer may be asked for again."""
        clone = await repository.open()
        base = await clone.base()
        mine = await clone.commit_files(base, {"docs/TASKS.md": b"x"}, "mine", NOON)
        for _ in range(2):
            await clone.land(mine, base)
        assert repository.head() == mine

    async def test_it_never_goes_backwards(self, repository: Repository) -> None:
        """Not even if the base branch is where it was seen."""
        clone = await repository.open()
        old = await clone.base()
        new = repository.push({"x": "y"})
        await clone.base()
        with pytest.raises((BaseMoved, Refused, GitError)):
            await clone.land(old, new)
        assert repository.head() == new

    async def test_a_commit_of_files_replaces_just_these(self, repository: Repository) -> None:
        """Modes, links and everything else stay as they are."""
        (repository.root / "run.sh").write_text("x")
        (repository.root / "run.sh").chmod(0o755)
        (repository.root / "link").symlink_to("a.txt")
        commit(repository.root, {"run.sh": "x", "docs/TASKS.md": "old\n"})
        git(repository.root, "add", "link")
        git(repository.root, "commit", "-q", "-m", "link")
        git(repository.root, "push", "-q", "origin", "main")
        clone = await repository.open()
        base = await clone.base()
        sha = await clone.commit_files(base, {"docs/TASKS.md": b"new\xff\r\n"}, "table", NOON)
        changes = await clone.commits.changes(base, sha)
        assert [(change.path, change.mode) for change in changes] == [("docs/TASKS.md", "100644")]
        assert await clone.commits.read(sha, "docs/TASKS.md") == b"new\xff\r\n"
        assert list(clone.git.directory.glob("index*")) == []

    @pytest.mark.parametrize("path", ["src/app.py", "README.md", ".github/workflows/ci.yml", "docs/tasks/../../a.py"])
    async def test_nothing_but_its_own_files_can_be_committed(self, repository: Repository, path: str) -> None:
        """Whoever asks, and whatever else is asked for with it: no commit comes of it."""
        clone = await repository.open()
        base = await clone.base()
        objects = git(clone.git.directory, "count-objects")
        with pytest.raises(Refused, match="only its own files"):
            await clone.commit_files(base, {"docs/TASKS.md": b"x", path: b"x"}, "code", NOON)
        assert git(clone.git.directory, "count-objects") == objects

    async def test_a_folder_that_is_a_link_or_a_file_by_now(self, repository: Repository) -> None:
        """`docs` is something else: an error that says so, and nothing of it is replaced."""
        repository.push({"docs": "a file\n"})
        clone = await repository.open()
        with pytest.raises(GitError):
            await clone.commit_files(await clone.base(), {"docs/TASKS.md": b"x"}, "table", NOON)


class TestFollowing:
    """The person's checkout is brought up to date if it is on the base branch, clean and behind; else not touched."""

    async def follow(self, repository: Repository) -> None:
        await (await repository.open()).fast_forward_checkout()

    async def test_a_clean_checkout_that_is_behind(self, repository: Repository) -> None:
        """Files, branch and `origin/main`; untracked and ignored files are not in the way."""
        write(repository.root, {"notes.txt": "mine"})
        sha = repository.push({"a.txt": "new\n"})
        await self.follow(repository)
        assert (repository.root / "a.txt").read_text() == "new\n"
        assert git(repository.root, "rev-parse", "main") == git(repository.root, "rev-parse", "origin/main") == sha
        assert git(repository.root, "status", "--porcelain") == "?? notes.txt"

    @pytest.mark.parametrize(
        "state", ["unstaged", "staged", "in-the-way", "ahead", "diverged", "detached", "side", "merging"]
    )
    async def test_any_other_checkout(self, repository: Repository, state: str) -> None:
        """Not one byte, not one ref of the person's."""
        root = repository.root
        match state:
            case "unstaged":
                write(root, {"a.txt": "mine\n"})
            case "staged":
                write(root, {"b.txt": "mine\n"})
                git(root, "add", "b.txt")
            case "in-the-way":
                write(root, {"new.txt": "mine\n"})
            case "ahead" | "diverged":
                commit(root, {"mine.txt": "x"})
            case "detached":
                git(root, "checkout", "-q", "--detach")
            case "side":
                git(root, "checkout", "-q", "-b", "side")
            case "merging":
                git(root, "checkout", "-q", "-b", "side")
                commit(root, {"side.txt": "x"})
                git(root, "checkout", "-q", "main")
                git(root, "merge", "-q", "--no-commit", "--no-ff", "side")
        if state != "ahead":
            repository.push({"a.txt": "new\n", "new.txt": "new\n"})
        before = self.picture(root)
        await self.follow(repository)
        assert self.picture(root) == before

    @staticmethod
    def picture(root: Path) -> tuple[str, ...]:
        files = {file.name: file.read_bytes() for file in root.iterdir() if file.is_file()}
        heads = git(root, "for-each-ref", "refs/heads")
        return (git(root, "status", "--porcelain"), heads, (root / ".git" / "HEAD").read_text(), str(files))

    async def test_a_persons_hooks_do_not_run(self, repository: Repository) -> None:
        """It is not the person who updates it."""
        mark = repository.folder / "mark"
        for name in (
            "post-checkout",
            "post-merge",
            "post-receive",
            "update",
            "push-to-checkout",
            "reference-transaction",
        ):
            hook = repository.root / ".git" / "hooks" / name
            hook.parent.mkdir(exist_ok=True)
            hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
            hook.chmod(0o755)
        repository.push({"a.txt": "new\n"})
        await self.follow(repository)
        assert (repository.root / "a.txt").read_text() == "new\n"
        assert not mark.exists()
