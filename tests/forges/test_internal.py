"""The internal forge on real repositories: CI on exactly the commit that lands, and what may be in its way."""

from __future__ import annotations

import asyncio
import shlex
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mosaic_daemon.forges.base import CiReport, Delayed, Forbidden, Moved, Proposal, Sent, Verdict
from mosaic_daemon.forges.internal import Checks, InternalForge
from mosaic_daemon.ground.errors import Unavailable
from mosaic_daemon.ground.git import GitError
from mosaic_daemon.repository.clone import Clone
from mosaic_rails.base import Cause
from mosaic_rails.memory import End
from tests.forges.benches import InternalBench, proposal
from tests.repository.repos import commit, git
from tests.samples import NOON

CI = ("make", "test")


class Ci:
    """A forge with a CI command whose runs the test ends, and one change that wants to land."""

    def __init__(self, bench: InternalBench, change: Proposal) -> None:
        self.bench, self.forge, self.rail, self.change = bench, bench.forge, bench.rail, change

    @classmethod
    async def make(cls, folder: Path) -> Ci:
        bench = await InternalBench.make(folder, CI)
        return cls(bench, proposal("T-1.1", await bench.work({"a.txt": "mine\n"})))

    async def ask(self, change: Proposal | None = None) -> CiReport:
        return await self.forge.change_ci(change or self.change, await self.forge.base())

    @property
    def runs(self) -> list[str]:
        return list(self.rail.orders)

    def end(self, run: int = -1, **end: Any) -> None:
        name = self.runs[run]
        self.rail.start(name)
        self.rail.finish(name, End(**end))


@pytest.fixture
async def ci(tmp_path: Path) -> Ci:
    return await Ci.make(tmp_path)


async def test_ci_runs_on_exactly_the_commit_that_lands(ci: Ci) -> None:
    """A clean checkout of it, told that it is CI and which commit it is."""
    base = ci.bench.push({"b.txt": "theirs\n"})
    assert (await ci.ask()).verdict is Verdict.PENDING
    (order,) = ci.rail.orders.values()
    assert order.argv == CI
    assert (order.env["CI"], order.stdin) == ("true", None)
    assert ((order.cwd / "a.txt").read_text(), (order.cwd / "b.txt").read_text()) == ("mine\n", "theirs\n")
    assert git(order.cwd, "status", "--porcelain") == ""
    tested = git(order.cwd, "rev-parse", "HEAD")
    assert order.env["MOSAIC_COMMIT"] == tested
    ci.end(exit_code=0)
    assert (await ci.ask()).verdict is Verdict.GREEN
    assert isinstance(await ci.forge.merge(ci.change, base), Sent)
    assert ci.bench.head() == tested
    report = await ci.forge.commit_ci(tested)
    assert report.verdict is Verdict.GREEN
    assert tested in report.detail


async def test_asking_again_starts_nothing_again(ci: Ci) -> None:
    """Offered, running, ended: one run; nor does it touch the directory that a worker may be about to enter."""
    await ci.ask()
    (order,) = ci.rail.orders.values()
    (order.cwd / "made-by-the-run").write_text("x")
    for _ in range(2):
        assert (await ci.ask()).verdict is Verdict.PENDING
    ci.rail.start(order.attempt)
    assert (await ci.ask()).verdict is Verdict.PENDING
    ci.rail.finish(order.attempt, End())
    assert (await ci.ask()).verdict is Verdict.GREEN
    assert ci.runs == [order.attempt]
    assert (order.cwd / "made-by-the-run").exists()


async def test_the_next_daemon_finds_the_run(ci: Ci) -> None:
    """All it needs is in the rail and the commit's name."""
    await ci.ask()
    clone = await ci.bench.repository.open()
    checks = Checks(CI, {}, 60, ci.rail, ci.bench.trees)
    ci.forge = InternalForge(clone, checks)
    assert (await ci.ask()).verdict is Verdict.PENDING
    ci.end(exit_code=0)
    assert (await ci.ask()).verdict is Verdict.GREEN
    assert len(ci.runs) == 1


@pytest.mark.parametrize(
    "end",
    [
        {"exit_code": 1},
        {"exit_code": 2, "output": b"2 failed\n"},
        {"exit_code": None, "signal": 9},
        {"cause": Cause.TIMEOUT, "exit_code": None, "signal": 15},
        {"cause": Cause.TIMEOUT, "exit_code": 0},
        {"cause": Cause.STALL, "exit_code": 0},
    ],
)
async def test_only_a_command_that_ends_by_itself_with_0_is_green(ci: Ci, end: dict[str, Any]) -> None:
    """One that says 0 when it is stopped after its time has tested nothing."""
    await ci.ask()
    ci.end(**end)
    report = await ci.ask()
    assert report.verdict is Verdict.RED
    assert report.command == "make test"
    assert report.checks[0].state
    assert report.detail == ("2 failed" if end.get("output") else "")


@pytest.mark.parametrize("how", ["lost", "by a shutdown"])
async def test_a_lost_run_says_nothing_of_the_commit(ci: Ci, how: str) -> None:
    """It is run again, three times in all. Nobody here ends one: then it was the machine that went down."""
    for run in range(3):
        assert (await ci.ask()).verdict is Verdict.PENDING
        assert len(ci.runs) == run + 1
        if how == "lost":
            ci.rail.start(ci.runs[-1])
            ci.rail.lose(ci.runs[-1])
        else:
            ci.end(cause=Cause.REVOKED, exit_code=0)
    report = await ci.ask()
    assert report.verdict is Verdict.RED
    assert "lost 3 times" in report.detail
    assert len(ci.runs) == 3


async def test_an_enormous_log_is_shown_by_its_end(ci: Ci) -> None:
    """Whatever bytes it ends in."""
    await ci.ask()
    ci.end(exit_code=1, output=b"x" * 100_000 + b"\xff\xfe the end\n")
    detail = (await ci.ask()).detail
    assert len(detail) <= 2000
    assert detail.endswith(" the end")


async def test_a_candidate_that_no_ci_has_seen_does_not_land(ci: Ci) -> None:
    """The text of the task changed after CI: it is another commit, and needs a verdict of its own."""
    base = await ci.forge.base()
    await ci.ask()
    ci.end(exit_code=0)
    edited = replace(ci.change, message=ci.change.message.replace("work", "other work"))
    for _ in range(2):
        assert isinstance(await ci.forge.merge(edited, base), Moved)
        assert ci.bench.head() == base
    assert (await ci.ask(edited)).verdict is Verdict.PENDING
    assert len(ci.runs) == 2
    ci.end(exit_code=0)
    assert isinstance(await ci.forge.merge(edited, base), Sent)
    assert ci.bench.head() == ci.rail.orders[ci.runs[1]].env["MOSAIC_COMMIT"]


async def test_a_red_candidate_does_not_land(ci: Ci) -> None:
    """Even if it is asked for."""
    base = await ci.forge.base()
    await ci.ask()
    ci.end(exit_code=1)
    assert isinstance(await ci.forge.merge(ci.change, base), Moved)
    assert ci.bench.head() == base


async def test_tidying_up_takes_its_own_directories_only(ci: Ci) -> None:
    """Not those of a gate whose name begins alike."""
    await ci.ask()
    other = proposal("T-1.1-ci-x.1", await ci.bench.work({"b.txt": "x\n"}))
    await ci.ask(other)
    mine, theirs = (order.cwd for order in ci.rail.orders.values())
    await ci.forge.tidy(ci.change)
    assert not mine.exists()
    assert theirs.exists()


async def test_what_is_merged_already_is_not_merged_on_top(tmp_path: Path) -> None:
    """Asked for it above its own commit: refused, no empty commit."""
    bench = await InternalBench.make(tmp_path)
    change = proposal("T-1.1", await bench.work({"a.txt": "mine\n"}))
    assert isinstance(await bench.forge.merge(change, await bench.forge.base()), Sent)
    head = await bench.forge.base()
    assert isinstance(await bench.forge.merge(change, head), Forbidden)
    assert bench.head() == head


async def test_the_squash_names_its_author_task_and_gate(tmp_path: Path) -> None:
    """The worker's author, the person as committer, the time the gate opened: built again it is the same commit."""
    bench = await InternalBench.make(tmp_path)
    git(bench.repository.root, "config", "user.name", "Bob")
    git(bench.repository.root, "config", "user.email", "bob@example.org")
    bench.clone = await bench.repository.open()
    bench.forge = InternalForge(bench.clone, Checks(None, {}, 60, bench.rail, bench.trees))
    change = proposal("T-1.1", await bench.work({"a.txt": "mine\n"}))
    base = await bench.forge.base()
    clean = await bench.forge.mergeability(change, base)
    assert clean == await bench.forge.mergeability(change, base)
    await bench.forge.merge(change, base)
    shown = git(bench.repository.base, "show", "-s", "--format=%H|%an|%ae|%cn|%ad|%(trailers:only,unfold)", "main")
    sha, *rest, trailers = shown.split("|")
    assert sha == getattr(clean, "candidate", None)
    assert rest == ["Ann", "ann@example.org", "Bob", "Sun Mar 1 12:00:00 2026 +0000"]
    assert trailers.split() == ["Mosaic-Task:", "T-1", "Mosaic-Gate:", "T-1.1"]


@pytest.mark.parametrize("missing", ["head", "base"])
async def test_a_commit_that_is_missing_is_no_conflict(tmp_path: Path, missing: str) -> None:
    """The worker is not sent to resolve what is not there."""
    bench = await InternalBench.make(tmp_path)
    change = proposal("T-1.1", "1" * 40 if missing == "head" else await bench.work({"a.txt": "x\n"}))
    with pytest.raises(GitError):
        await bench.forge.mergeability(change, "2" * 40 if missing == "base" else await bench.forge.base())


async def test_unrelated_histories_are_an_error_and_no_conflict(tmp_path: Path) -> None:
    """git says so itself."""
    bench = await InternalBench.make(tmp_path)
    other = bench.repository.folder / "unrelated"
    other.mkdir()
    git(other, "init", "-q", "-b", "work")
    sha = commit(other, {"x": "y"})
    await bench.clone.take(other, "work", "attempts/x")
    with pytest.raises(GitError, match="unrelated histories"):
        await bench.forge.mergeability(proposal("T-1.1", sha), await bench.forge.base())


class TestRefusals:
    """What keeps a landing from happening, and what is said of it."""

    async def merge(self, bench: InternalBench) -> object:
        change = proposal("T-1.1", await bench.work({"a.txt": "mine\n", "new.txt": "mine\n"}))
        return await bench.forge.merge(change, await bench.forge.base())

    async def test_a_server_that_refuses(self, tmp_path: Path) -> None:
        """A hook of the origin says no: blocked, with the exact command."""
        bench = await InternalBench.make(tmp_path)
        hook = bench.repository.base / "hooks" / "pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\necho main is protected >&2\nexit 1\n")
        hook.chmod(0o755)
        head = bench.head()
        answer = await self.merge(bench)
        assert isinstance(answer, Forbidden)
        assert "pre-receive hook declined" in answer.failure.message
        assert answer.failure.command.startswith("git --git-dir=")
        with pytest.raises(AssertionError, match="main is protected"):
            git(tmp_path, *shlex.split(answer.failure.command)[1:])
        assert bench.head() == head

    @pytest.mark.parametrize("mess", ["unstaged", "staged", "untracked-in-the-way"])
    async def test_a_checked_out_base_branch_with_a_persons_work_in_it(self, tmp_path: Path, mess: str) -> None:
        """Without an origin: the landing waits, nothing of the person's is touched, and it says what to do."""
        bench = await InternalBench.make(tmp_path, origin=False)
        root, head = bench.repository.root, bench.head()
        file = root / ("new.txt" if mess == "untracked-in-the-way" else "a.txt")
        file.write_text("a person's work\n")
        if mess == "staged":
            git(root, "add", "a.txt")
        before = git(root, "status", "--porcelain")
        answer = await self.merge(bench)
        assert isinstance(answer, Delayed)
        assert str(root) in answer.reason
        assert file.read_text() == "a person's work\n"
        assert git(root, "status", "--porcelain") == before
        assert bench.head() == head
        file.unlink()
        git(root, "reset", "-q", "--hard")
        assert isinstance(await self.merge(bench), Sent)
        assert file.read_text() == "mine\n"

    @pytest.mark.parametrize("state", ["rebase", "merge", "cherry-pick"])
    async def test_a_repository_in_the_middle_of_something(self, tmp_path: Path, state: str) -> None:
        """Without an origin: the landing waits until it is finished or aborted."""
        bench = await InternalBench.make(tmp_path, origin=False)
        root = bench.repository.root
        git(root, "checkout", "-q", "-b", "side")
        commit(root, {"a.txt": "side\n"})
        git(root, "checkout", "-q", "main")
        commit(root, {"a.txt": "main\n"})
        git(root, *(("checkout", "-q", "side") if state == "rebase" else ("status",)))
        git(root, state, "main" if state == "rebase" else "side", check=False)
        bench.first = git(root, "rev-parse", "main")
        head = bench.head()
        answer = await self.merge(bench)
        assert isinstance(answer, Delayed)
        assert f"in the middle of a {state}" in answer.reason
        assert bench.head() == head
        git(root, state, "--abort")
        assert isinstance(await self.merge(bench), Sent)

    @pytest.mark.parametrize("place", ["detached", "other-branch"])
    async def test_a_base_branch_that_is_not_checked_out(self, tmp_path: Path, place: str) -> None:
        """Without an origin: it lands, and the checkout, dirty or not, stays as it is."""
        bench = await InternalBench.make(tmp_path, origin=False)
        root = bench.repository.root
        git(root, "checkout", "-q", *(("--detach",) if place == "detached" else ("-b", "other")))
        (root / "a.txt").write_text("a person's work\n")
        assert isinstance(await self.merge(bench), Sent)
        assert (root / "a.txt").read_text() == "a person's work\n"
        assert bench.content("a.txt") == "mine\n"

    async def test_a_clean_checkout_follows(self, tmp_path: Path) -> None:
        """Without an origin: what is checked out is what has landed."""
        bench = await InternalBench.make(tmp_path, origin=False)
        assert isinstance(await self.merge(bench), Sent)
        assert (bench.repository.root / "a.txt").read_text() == "mine\n"
        assert git(bench.repository.root, "status", "--porcelain") == ""

    async def test_two_landings_at_once(self, tmp_path: Path) -> None:
        """Both built on the same base: one lands, the other is told that the base has moved."""
        bench = await InternalBench.make(tmp_path)
        one, two = [proposal(f"T-{n}.1", await bench.work({f"{n}.txt": "x\n"})) for n in (1, 2)]
        base = await bench.forge.base()
        assert isinstance(await bench.forge.merge(one, base), Sent)
        assert isinstance(await bench.forge.merge(two, base), Moved)
        assert bench.content("2.txt") is None


@pytest.mark.parametrize("is_same_work", [True, False])
async def test_two_daemons_that_land_one_gate_at_the_same_instant(tmp_path: Path, is_same_work: bool) -> None:
    """Git moves the base branch for one of them, and the other finds what has landed."""
    one = await InternalBench.make(tmp_path)
    checks = Checks(command=None, env={}, timeout_sec=60, rail=one.rail, trees=one.trees)
    clone = await Clone.open(one.repository.root, tmp_path / "other.git", "main")
    forges = (one.forge, InternalForge(clone, checks))
    mine = await one.work({"a.txt": "mine\n"})
    git(clone.git.directory, "fetch", "-q", str(one.clone.git.directory), "+refs/mosaic/*:refs/mosaic/*")
    theirs = (
        mine if is_same_work else git(clone.git.directory, "commit-tree", f"{mine}^{{tree}}", "-p", mine, "-m", "more")
    )
    later = replace(proposal("T-1.1", theirs), opened_at=NOON + timedelta(seconds=1))
    changes, base = (proposal("T-1.1", mine), later), await one.forge.base()
    both = list(zip(forges, changes, strict=True))
    answers = await asyncio.gather(*(forge.merge(change, base) for forge, change in both), return_exceptions=True)
    assert [isinstance(answer, Sent) for answer in answers].count(True) == 1
    assert all(isinstance(answer, Sent | Moved | Unavailable) for answer in answers), answers
    landed = [await forge.find_landed(change, base) for forge, change in both]
    assert landed[0] == landed[1]
    assert landed[0] is not None
    assert git(one.repository.base, "rev-list", f"{base}..main").split() == [landed[0].sha]
