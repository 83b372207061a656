"""git as the daemon calls it: nobody else's settings, no way to be asked or to hang, errors that can be pasted."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.ground.git import Git, GitError, check_branch, environment
from tests.repository.repos import git as persons_git


@pytest.fixture
async def git(tmp_path: Path) -> Git:
    made = Git(tmp_path / "gate.git")
    await made.run("init", "--quiet", "--bare", "--template=", str(made.directory))
    return made


async def commit(git: Git) -> str:
    tree = await git.run("mktree", stdin=b"")
    name = {"GIT_AUTHOR_NAME": "x", "GIT_AUTHOR_EMAIL": "x", "GIT_COMMITTER_NAME": "x", "GIT_COMMITTER_EMAIL": "x"}
    return await git.run("commit-tree", tree, "-m", "x", env=name)


def pasted(command: str) -> subprocess.CompletedProcess[str]:
    """What a person sees who pastes it into a shell."""
    return subprocess.run(["sh", "-c", command], capture_output=True, check=False, text=True)


class TestEnvironment:
    """An allow-list: a variable that redirects git somewhere else never gets through."""

    @pytest.mark.parametrize(
        "name",
        [
            *(
                "GIT_DIR",
                "GIT_WORK_TREE",
                "GIT_INDEX_FILE",
                "GIT_OBJECT_DIRECTORY",
                "GIT_CONFIG_COUNT",
            ),
            *(
                "GIT_ASKPASS",
                "GIT_EDITOR",
                "GIT_EXTERNAL_DIFF",
                "GIT_PAGER",
                "GIT_TRACE",
                "GIT_PROXY_COMMAND",
                "GIT_EXEC_PATH",
            ),
            *(
                "GIT_TEMPLATE_DIR",
                "GIT_ALTERNATE_OBJECT_DIRECTORIES",
                "GIT_CEILING_DIRECTORIES",
                "XDG_CONFIG_HOME",
                "LANG",
            ),
            *("LC_MESSAGES", "PAGER", "EDITOR", "SSH_ASKPASS", "LD_PRELOAD", "MOSAIC_TOKEN", "GITHUB_TOKEN"),
        ],
    )
    def test_what_is_not_handed_on(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        """Neither what redirects git nor what is secret."""
        monkeypatch.setenv(name, "/evil")
        assert name not in environment()

    def test_the_persons_own_way_to_the_origin_stays(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The daemon's environment is its owner's, never a worker's: which key to use, or which of ssh's files."""
        monkeypatch.setenv("GIT_SSH_COMMAND", "ssh -F mine")
        assert environment()["GIT_SSH_COMMAND"] == "ssh -F mine"

    def test_what_is_pinned_cannot_be_set_from_outside(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """And each call may add what it needs."""
        for name in ("GIT_CONFIG_GLOBAL", "GIT_TERMINAL_PROMPT", "GIT_NO_LAZY_FETCH", "LC_ALL"):
            monkeypatch.setenv(name, "evil")
        found = environment({"GIT_INDEX_FILE": "mine"})
        assert "evil" not in found.values()
        assert found["GIT_INDEX_FILE"] == "mine"
        assert found["PATH"] == os.environ["PATH"]

    async def test_a_persons_configuration_takes_no_part(
        self, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Global, system, or given by variables."""
        (tmp_path / ".gitconfig").write_text("[user]\n\tname = global\n")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
        monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.name")
        monkeypatch.setenv("GIT_CONFIG_VALUE_0", "variable")
        assert (await git.ask("config", "user.name")).status == 1


class TestCalls:
    """Answers and errors."""

    async def test_it_works_on_its_own_repository_wherever_it_is_called(
        self, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also from inside another one."""
        other = tmp_path / "other"
        other.mkdir()
        persons_git(other, "init", "-q")
        monkeypatch.chdir(other)
        assert await git.run("rev-parse", "--absolute-git-dir") == str(git.directory)

    async def test_an_error_can_be_pasted(self, git: Git) -> None:
        """The command as a shell takes it, what git said, in one line what matters."""
        with pytest.raises(GitError) as caught:
            await git.run("cat-file", "-t", "a 'b' $(touch x)")
        error = caught.value
        assert error.status == 128
        assert error.cwd == str(git.directory)
        assert "\n" not in error.line
        argv = shlex.split(error.command)
        assert argv == ["git", f"--git-dir={git.directory}", "cat-file", "-t", "a 'b' $(touch x)"]
        again = pasted(error.command)
        assert again.returncode == 128
        assert again.stderr.strip() == error.stderr

    async def test_a_command_that_does_not_end(self, git: Git) -> None:
        """It is ended, with what it was in the error."""
        slow = Git(git.directory, timeout_sec=0.2)
        with pytest.raises(GitError, match="no answer within") as caught:
            await slow.run("-c", "alias.wait=!sleep 5", "wait")
        assert caught.value.status == 124

    async def test_nobody_is_asked(self, git: Git) -> None:
        """No terminal, no password, no editor: it fails instead of waiting."""
        answer = await git.ask("fetch", "--", "https://127.0.0.1:1/x", "a")
        assert answer.status != 0
        with pytest.raises(GitError, match="ext"):
            await git.run("fetch", "--", "ext::sh -c 'touch pwned'", "a")

    async def test_output_is_text_whatever_bytes_it_has(self, git: Git) -> None:
        """One last newline is taken off, no more is lost than can be."""
        blob = await git.run("hash-object", "-w", "--stdin", stdin=b"\xff\nx\n")
        assert await git.run("cat-file", "blob", blob) == "\ufffd\nx"
        assert await git.blob(blob) == b"\xff\nx\n"
        assert await git.blob("0" * 40) is None

    async def test_a_revision_is_a_name_and_never_an_option(self, git: Git) -> None:
        """What begins with a dash names nothing."""
        sha = await commit(git)
        await git.run("update-ref", "refs/heads/main", sha)
        assert await git.sha("main") == await git.sha(sha) == sha
        for name in ("nothing", "--all", "-x", "", "0" * 40, "main:x", sha[:3]):
            assert await git.sha(name) is None
        assert await git.tree("main") == await git.run("rev-parse", f"{sha}^{{tree}}")

    async def test_ancestors(self, git: Git) -> None:
        """Itself too; what is not there is nobody's."""
        sha = await commit(git)
        assert await git.is_ancestor(sha, sha)
        assert not await git.is_ancestor("0" * 40, sha)


class TestBranches:
    """What may be a task's branch: a name that no command ever takes for anything else."""

    @pytest.mark.parametrize("name", ["a", "fix/security-ms-sec-001", "A.b_c-d/e", "1", "a/-b", "HEAD", "x" * 200])
    def test_names(self, name: str) -> None:
        """git takes them as well."""
        assert check_branch(name, source="T-1") == name
        assert persons_git(Path("/"), "check-ref-format", f"refs/heads/{name}") == ""

    @pytest.mark.parametrize(
        "name",
        [
            *(
                "",
                "-x",
                "--all",
                "a..b",
                "a//b",
                "/a",
                "a/",
                "a.",
                "a.lock",
                "a.lock/b",
                "a/.b",
                ".a",
                "a b",
                "a~1",
                "a^",
            ),
            *(
                "a:b",
                "a?",
                "a*",
                "a[b",
                "a\\b",
                "a\nb",
                "a\0b",
                "a;b",
                "$(x)",
                "@",
                "@{-1}",
                "ä",
                "x" * 201,
                "a\n",
                "../a",
            ),
        ],
    )
    def test_no_names(self, name: str) -> None:
        """Refused with the task and what is allowed."""
        with pytest.raises(InputError) as caught:
            check_branch(name, source="T-1")
        assert caught.value.line.startswith("T-1: ")
        assert "\n" not in caught.value.line
