"""From a worker's end to a verdict: every rule of a result, on real working directories, and nothing believed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.attempt import Attempt, FailureClass
from mosaic_daemon.nouns.record import Record
from mosaic_daemon.nouns.task import Kind, Task
from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.runtimes.base import DEFAULTS
from mosaic_daemon.stages import inbox
from mosaic_daemon.stages.collect import Judge
from mosaic_rails.base import Cause, Ended, Lost
from tests.repository.repos import Repository, commit, git, write
from tests.samples import at, failure, folded, task

NOW = at(100)


class Bench:
    """One attempt on a real repository, whose worker the test is.

    Attributes:
        tree: the worker's directory; base: where it started.
    """

    def __init__(self, repository: Repository, clone: Clone, base: str) -> None:
        self.repository, self.clone, self.base = repository, clone, base
        self.layout = Layout(repository.root)
        for folder in (self.layout.results, self.layout.attempts / "T-1.1"):
            folder.mkdir(parents=True)
        worktrees = repository.worktrees(clone)
        self.judge = Judge(self.layout, clone, worktrees, retries=2)
        self.tree = worktrees.path("T-1.1")
        self.runtime = DEFAULTS["shell"]
        self.record = self.running()

    @classmethod
    async def make(cls, folder: Path) -> Bench:
        repository = Repository(folder)
        clone = await repository.open()
        bench = cls(repository, clone, await clone.base())
        await bench.judge.worktrees.ensure("T-1.1", "task/t-1", bench.base)
        return bench

    def running(self, of: Task | None = None, *more: ev.TaskEvent) -> Record:
        attempt = Attempt("T-1", 1, "task/t-1", self.base, "shell", "process")
        start = (ev.AttemptIntended(attempt), ev.AttemptStarted(1, "pid 7", at(0)))
        return folded(ev.TaskAdded(of or task(), 0, "test"), *start, *more)

    def of_kind(self, kind: Kind) -> None:
        self.record = self.running(task(kind=kind))

    def work(self, files: dict[str, str | bytes | None] | None = None) -> str:
        return commit(self.tree, files or {"a.txt": "mine\n"})

    def says(self, **result: Any) -> bytes:
        """What a worker prints at its end: prose, and the JSON block."""
        head = git(self.tree, "rev-parse", "--verify", "-q", "refs/heads/task/t-1", check=False)
        block = {"task_id": "T-1", "status": "success", "used": "5.2K", "commit_sha": head, "notes": "well", **result}
        return f"I did it.\n```json\n{json.dumps(block)}\n```\n".encode()

    async def verdict(
        self, output: bytes | None = None, *, cause: Cause = Cause.EXIT, code: int | None = 0
    ) -> ev.Event:
        (event,) = await self.verdicts(output, cause=cause, code=code)
        return event

    async def verdicts(
        self, output: bytes | None = None, *, cause: Cause = Cause.EXIT, code: int | None = 0
    ) -> list[ev.Event]:
        """Asked twice: the answer is the same."""
        log = self.repository.folder / "output.log"
        log.write_bytes(self.says() if output is None else output)
        end = Ended(cause, code, None if code is not None else 15, f"ended: {cause}", at(0), at(99), log, 9)
        first = await self.judge.verdict(self.record, self.runtime, end, NOW)
        assert await self.judge.verdict(self.record, self.runtime, end, NOW) == first
        for event in first:
            if not isinstance(event, ev.RuntimeHeld):
                folded(event, record=self.record)  # type: ignore[arg-type]
        return first

    async def fails(self, word: str, output: bytes | None = None, **end: Any) -> ev.AttemptFailed:
        """It is a failed attempt that says so, with what it printed."""
        event = await self.verdict(output, **end)
        assert isinstance(event, ev.AttemptFailed), event
        assert word in event.failure.message
        assert event.failure.kind is FailureClass.WORKER
        assert not event.final
        return event

    async def accepts(self, output: bytes | None = None) -> ev.ResultAccepted:
        event = await self.verdict(output)
        assert isinstance(event, ev.ResultAccepted), event
        return event


@pytest.fixture
async def bench(tmp_path: Path) -> Bench:
    return await Bench.make(tmp_path)


class TestSuccess:
    """What is accepted, and what is taken from it."""

    async def test_a_commit_and_its_name(self, bench: Bench) -> None:
        """The head, the tokens it says, the notes; the commit is kept although the worker may be gone."""
        head = bench.work()
        assert await bench.accepts() == ev.ResultAccepted(1, head, 5200, "well")
        assert git(bench.clone.git.directory, "rev-parse", "refs/mosaic/attempts/T-1.1") == head

    @pytest.mark.parametrize("broken", [{"status": "failed"}, {"commit_sha": None}, {"commit_sha": "f" * 40}])
    async def test_what_a_failed_attempt_says_it_took_is_counted(self, bench: Bench, broken: dict[str, Any]) -> None:
        bench.work()
        assert (await bench.fails("", bench.says(**broken))).used == 5200
        assert (await bench.fails("", bench.says(), code=3)).used == 5200

    async def test_another_tasks_tokens_are_not(self, bench: Bench) -> None:
        bench.work()
        assert (await bench.fails("", bench.says(task_id="T-9"))).used is None

    @pytest.mark.parametrize(
        "short", [lambda sha: sha[:7], lambda sha: sha[:4], str.upper, lambda sha: sha[:12].upper()]
    )
    async def test_a_name_that_was_shortened(self, bench: Bench, short: Callable[[str], str]) -> None:
        """The head is what git says."""
        head = bench.work()
        assert (await bench.accepts(bench.says(commit_sha=short(head)))).head_sha == head

    async def test_several_commits_and_a_rebase(self, bench: Bench) -> None:
        """The last one counts, on whatever base it stands."""
        bench.work()
        bench.repository.push({"b.txt": "theirs\n"})
        await bench.clone.base()
        git(bench.tree, "fetch", "-q", "origin")
        git(bench.tree, "rebase", "-q", "origin/main")
        head = bench.work({"c.txt": "x\n"})
        assert (await bench.accepts()).head_sha == head

    async def test_the_last_block_counts(self, bench: Bench) -> None:
        """A worker may print others before it."""
        bench.work()
        output = b'{"task_id": "T-1", "status": "failed"}\n' + bench.says(notes="the last")
        assert (await bench.accepts(output)).notes == "the last"

    async def test_a_file_is_believed_rather_than_the_output(self, bench: Bench) -> None:
        """It is what the worker meant to give."""
        head = bench.work()
        file = {"task_id": "T-1", "status": "success", "commit_sha": head, "notes": "from the file"}
        bench.layout.result_file("T-1.1").write_text(json.dumps(file))
        assert (await bench.accepts(b"nothing to say")).notes == "from the file"
        assert (await bench.accepts(bench.says(status="failed"))).notes == "from the file"

    @pytest.mark.parametrize("kind", [Kind.VERIFICATION, Kind.TRACKING])
    @pytest.mark.parametrize("sha", [None, "", "head"])
    async def test_a_kind_that_needs_no_commit(self, bench: Bench, kind: Kind, sha: str | None) -> None:
        """The base is what it stands for."""
        bench.of_kind(kind)
        event = await bench.accepts(bench.says(commit_sha=bench.base if sha == "head" else sha))
        assert event.head_sha == bench.base

    @pytest.mark.parametrize("used", ["unknown", None, "", "a lot"])
    async def test_tokens_that_say_nothing(self, bench: Bench, used: object) -> None:
        """Are none, and no failure."""
        bench.work()
        assert (await bench.accepts(bench.says(used=used))).used is None

    async def test_a_runtimes_own_figure_is_believed(self, bench: Bench) -> None:
        """Over what the worker says of itself."""
        bench.work()
        bench.runtime = DEFAULTS["claude"]
        result = {
            "type": "result",
            "subtype": "success",
            "is_error": False,
            "result": bench.says().decode(),
            "usage": {"input_tokens": 1000, "output_tokens": 234},
        }
        assert (await bench.accepts(json.dumps(result).encode() + b"\n")).used == 1234


class TestFailure:
    """Each rule that is broken: a failed attempt that says which."""

    async def test_it_says_so_itself(self, bench: Bench) -> None:
        """With its own words."""
        bench.work()
        event = await bench.fails("no way", bench.says(status="failed", notes="no way", commit_sha="n/a"))
        assert "I did it." in event.failure.tail
        await bench.fails("without saying why", bench.says(status="failed", notes=""))

    @pytest.mark.parametrize(
        ("output", "word"),
        [
            (b"", "no result JSON"),
            (b"all done!", "no result JSON"),
            (b'{"status": "success"}', "`task_id`"),
            (b'{"task_id": "T-1"}', "`status`"),
            (b'{"task_id": "T-1", "status": "succes"}', "`status`"),
            (b'{"task_id": "T-1", "status": "success", "commit_sha": "zzzz"}', "`commit_sha`"),
            (b'{"task_id": "T-1", "status": "success", "commit_sha": 5}', "`commit_sha`"),
            (b'```json\n{"task_id": "T-1", "status": \n', "broken"),
            (b'{"task_id": "T-1", "status": "success", "notes": "\\ud800"}', ""),
            (b'{"task_id": "T-1", "status": "success", "status": "success"}', ""),
            (b"\xff\xfe\x00", "no result JSON"),
        ],
    )
    async def test_no_result_that_can_be_read(self, bench: Bench, output: bytes, word: str) -> None:
        """Exit 0 alone is no success."""
        bench.work()
        await bench.fails(word, output)

    async def test_another_tasks_result(self, bench: Bench) -> None:
        """Whatever was done."""
        bench.work()
        await bench.fails("T-2", bench.says(task_id="T-2"))

    async def test_success_and_a_bad_end(self, bench: Bench) -> None:
        """Both have to be well."""
        bench.work()
        await bench.fails("ended badly", code=1)
        await bench.fails("ended badly", code=None)
        await bench.fails("no result JSON", b"oops", code=3)

    @pytest.mark.parametrize("cause", [Cause.TIMEOUT, Cause.STALL, Cause.SPAWN])
    async def test_success_of_one_that_was_stopped(self, bench: Bench, cause: Cause) -> None:
        """It did not end by itself, even with 0."""
        bench.work()
        await bench.fails(cause.value, cause=cause)

    async def test_one_that_was_stopped_from_outside_is_lost(self, bench: Bench) -> None:
        """Nobody asked for it: the machine went down. That is not the worker's failure."""
        bench.work()
        event = await bench.verdict(cause=Cause.REVOKED)
        assert isinstance(event, ev.AttemptFailed)
        assert event.failure.kind is FailureClass.LOST

    async def test_no_commit(self, bench: Bench) -> None:
        """On a task that changes something."""
        await bench.fails("without a commit")
        await bench.fails("without a commit", bench.says(commit_sha=None))

    @pytest.mark.parametrize("kind", [Kind.CODE, Kind.VERIFICATION])
    async def test_a_branch_that_was_wound_back(self, bench: Bench, kind: Kind) -> None:
        """A head below the base is no new commit."""
        bench.repository.push({"c.txt": "x\n"})
        bench.base = await bench.clone.base()
        bench.of_kind(kind)
        old = git(bench.tree, "rev-parse", "HEAD")
        assert old != bench.base
        if kind is Kind.CODE:
            await bench.fails("without a commit")
        else:
            assert (await bench.accepts()).head_sha == old

    async def test_no_name_of_the_commit(self, bench: Bench) -> None:
        """It has to know what it hands over."""
        bench.work()
        await bench.fails("`commit_sha` is missing", bench.says(commit_sha=None))

    async def test_a_commit_that_is_not_the_head(self, bench: Bench) -> None:
        """An older one, one of nowhere."""
        first = bench.work()
        bench.work({"b.txt": "x\n"})
        await bench.fails("the head of", bench.says(commit_sha=first))
        await bench.fails("the head of", bench.says(commit_sha="1" * 40))

    async def test_a_commit_on_another_branch(self, bench: Bench) -> None:
        """Its own branch has nothing new."""
        git(bench.tree, "checkout", "-q", "-b", "other")
        head = bench.work()
        await bench.fails("the head of", bench.says(commit_sha=head))

    async def test_a_branch_that_is_gone(self, bench: Bench) -> None:
        """Named."""
        git(bench.tree, "checkout", "-q", "--detach")
        git(bench.tree, "branch", "-q", "-D", "task/t-1")
        await bench.fails("no branch `task/t-1`", bench.says(commit_sha=bench.base))

    async def test_a_directory_that_is_gone(self, bench: Bench) -> None:
        """Or is no repository any more."""
        (bench.tree / ".git").rename(bench.tree / "git")
        await bench.fails("", bench.says(commit_sha=bench.base))
        bench.tree.rename(bench.tree.with_name("moved"))
        await bench.fails("no branch", bench.says(commit_sha=bench.base))

    async def test_a_history_of_its_own(self, bench: Bench) -> None:
        """Nothing that could be merged."""
        git(bench.tree, "checkout", "-q", "--orphan", "fresh")
        git(bench.tree, "branch", "-q", "-D", "task/t-1")
        git(bench.tree, "checkout", "-q", "--orphan", "task/t-1")
        bench.work()
        await bench.fails("no merge base")

    @pytest.mark.parametrize("mess", ["changed", "staged", "new", "deleted"])
    async def test_uncommitted_changes(self, bench: Bench, mess: str) -> None:
        """Named; what is ignored does not count."""
        bench.work({".gitignore": "*.log\n", "a.txt": "mine\n"})
        write(bench.tree, {"x.log": "x"})
        assert isinstance(await bench.verdict(), ev.ResultAccepted)
        write(bench.tree, {"b.txt": None} if mess == "deleted" else {"new" if mess == "new" else "b.txt": "mess"})
        if mess == "staged":
            git(bench.tree, "add", "b.txt")
        await bench.fails("uncommitted changes in " + ("new" if mess == "new" else "b.txt"))

    async def test_very_many_uncommitted_changes(self, bench: Bench) -> None:
        """The first few are named."""
        bench.work()
        write(bench.tree, {f"n{n:03}": "x" for n in range(100)})
        event = await bench.fails("and 95 more")
        assert len(event.failure.message) < 300

    @pytest.mark.parametrize(
        ("path", "word"),
        [
            ("docs/TASKS.md", "only the orchestrator writes it"),
            ("docs/tasks/plan.json", "only the orchestrator writes there"),
            (".mosaic/x", "it belongs to the orchestrator"),
            (".github/workflows/ci.yml", "it decides what is checked"),
            ("Jenkinsfile", "it decides what is checked"),
        ],
    )
    async def test_files_that_are_not_workers(self, bench: Bench, path: str, word: str) -> None:
        """Whoever made a file there, it is named with the reason."""
        bench.work({path: "x\n"})
        assert path in (await bench.fails(word)).failure.message

    @pytest.mark.parametrize("kind", Kind)
    async def test_the_kind_of_a_task_is_no_leave(self, bench: Bench, kind: Kind) -> None:
        """Documentation and tracking tasks leave the table alone as well."""
        bench.of_kind(kind)
        bench.work({"docs/TASKS.md": "x\n"})
        await bench.fails("docs/TASKS.md")

    async def test_with_leave(self, bench: Bench) -> None:
        """The task names the file, or the settings all of its kind."""
        bench.record = bench.running(task(files=(".github/workflows/ci.yml",)))
        bench.work({".github/workflows/ci.yml": "on: push\n"})
        await bench.accepts()
        bench.work({"Jenkinsfile": "x\n"})
        await bench.fails("Jenkinsfile (it decides")
        bench.judge = replace(bench.judge, may_change=("Jenkins*",))
        await bench.accepts()

    async def test_a_deleted_one(self, bench: Bench) -> None:
        """Taking it away is a change, too."""
        bench.base = bench.repository.push({".gitlab-ci.yml": "x\n"})
        await bench.clone.base()
        git(bench.tree, "fetch", "-q", str(bench.repository.base), "main")
        git(bench.tree, "reset", "-q", "--hard", bench.base)
        bench.record = bench.running()
        bench.work({".gitlab-ci.yml": None, "a.txt": "mine\n"})
        await bench.fails(".gitlab-ci.yml")

    async def test_a_change_that_was_taken_back(self, bench: Bench) -> None:
        """What counts is what it would merge."""
        bench.work({"docs/TASKS.md": "x\n"})
        bench.work({"docs/TASKS.md": None, "a.txt": "mine\n"})
        await bench.accepts()

    async def test_an_output_that_the_full_disk_did_not_take(self, bench: Bench) -> None:
        """The attempt is over and counts as lost; it is not waited for, though the words are those of a full disk."""
        log = bench.repository.folder / "output.log"
        log.write_bytes(b"fatal: cannot write\n")
        detail = "exit 128; 66 bytes of its output could not be logged: No space left on device"
        end = Ended(Cause.EXIT, 128, None, detail, at(0), at(99), log, 9)
        (event,) = await bench.judge.verdict(bench.record, bench.runtime, end, NOW)
        assert isinstance(event, ev.AttemptFailed)
        assert event.failure.kind is FailureClass.LOST

    async def test_what_a_rebase_brought_along_is_others(self, bench: Bench) -> None:
        """The worker took in the newest base branch, with a table and CI files of others in it."""
        bench.work({"a.txt": "mine\n"})
        newest = bench.repository.push({"docs/TASKS.md": "x\n", ".gitlab-ci.yml": "x\n"})
        await bench.clone.base()
        git(bench.tree, "fetch", "-q", str(bench.repository.base), "main")
        git(bench.tree, "rebase", "-q", newest)
        await bench.accepts()
        bench.work({"docs/TASKS.md": "mine\n"})
        await bench.fails("docs/TASKS.md")

    async def test_a_submodule(self, bench: Bench) -> None:
        """Not even an empty one."""
        git(bench.tree, "update-index", "--add", "--cacheinfo", f"160000,{bench.base},module")
        git(bench.tree, "commit", "-q", "-m", "x")
        await bench.fails("submodule module")

    @pytest.mark.parametrize(
        ("links", "allowed"),
        [
            ({"link": "a.txt"}, True),
            ({"sub/link": "../a.txt"}, True),
            ({"sub/link": "../sub/./x"}, True),
            ({"link": "missing"}, True),
            ({"link": "."}, True),
            ({"a/b/c": "../../x/y"}, True),
            ({"a/b/c": "../../../y"}, False),
            ({"a/b/c": "../../../repo/y"}, False),
            ({"link": "/etc/passwd"}, False),
            ({"link": ".."}, False),
            ({"sub/link": "../../x"}, False),
            ({"sub/link": "x/../../../y"}, False),
            ({"sub/here": ".", "sub/out": "here/../../x"}, False),
            ({"d/e/down": "../..", "out": "d/e/down/../x"}, False),
        ],
    )
    async def test_symbolic_links(self, bench: Bench, links: dict[str, str], allowed: bool) -> None:
        """Within the repository, wherever they are followed to; out of it never, nor by way of another link."""
        for path, target in links.items():
            (bench.tree / path).parent.mkdir(parents=True, exist_ok=True)
            (bench.tree / path).symlink_to(target)
            git(bench.tree, "add", path)
        git(bench.tree, "commit", "-q", "-m", "links")
        if allowed:
            await bench.accepts()
        else:
            await bench.fails("points out of the repository")

    async def test_commits_that_git_itself_refuses(self, bench: Bench) -> None:
        """The failure says what it was."""
        commit(bench.tree, {".gitmodules": '[submodule "m"]\n\tpath = m\n\turl = x\n\tupdate = !touch x\n'})
        await bench.fails("index-pack")

    @pytest.mark.parametrize("what", ["symlink", "fifo", "folder", "huge", "garbage", "empty", "utf-16", "hard-link"])
    async def test_a_result_file_that_is_anything(self, bench: Bench, what: str) -> None:
        """A failed attempt, at once: nothing hangs, nothing is followed, and the output is not asked instead."""
        bench.work()
        file = bench.layout.result_file("T-1.1")
        good = bench.says().split(b"```json")[1].split(b"```")[0]
        match what:
            case "symlink":
                (bench.repository.folder / "elsewhere").write_bytes(good)
                file.symlink_to(bench.repository.folder / "elsewhere")
            case "fifo":
                os.mkfifo(file)
            case "folder":
                file.mkdir()
            case "huge":
                with file.open("wb") as sparse:
                    sparse.truncate(1 << 31)
            case "hard-link":
                (bench.repository.folder / "elsewhere").write_bytes(good)
                file.hardlink_to(bench.repository.folder / "elsewhere")
            case _:
                file.write_bytes({"garbage": b"{", "empty": b"", "utf-16": good.decode().encode("utf-16")}[what])
        await bench.fails("")


class TestTries:
    """Which failures end a task, and which use up nothing."""

    async def test_the_third_failure_is_the_last(self, bench: Bench) -> None:
        """Two retries; those of another kind do not count."""
        for before, final in ((0, False), (1, False), (2, True), (3, True)):
            bench.record = replace(bench.running(), tries={"lost": 9, "ci": 9, "worker": before})
            event = await bench.verdict(b"")
            assert isinstance(event, ev.AttemptFailed)
            assert event.final is final

    @pytest.mark.parametrize(("before", "final"), [(0, False), (2, False), (3, True)])
    async def test_an_attempt_that_was_lost(self, bench: Bench, before: int, final: bool) -> None:
        """Counted apart, three times more."""
        bench.record = replace(bench.record, tries={"lost": before, "worker": 2})
        (event,) = await bench.judge.verdict(bench.record, bench.runtime, Lost("machine restarted"), NOW)
        assert event == ev.AttemptFailed(1, event.failure, final)  # type: ignore[union-attr]
        assert event.failure.kind is FailureClass.LOST

    @pytest.mark.parametrize("wanted", ["not-started", "deferred", "blocked"])
    async def test_one_that_was_stopped_on_request(self, bench: Bench, wanted: Any) -> None:
        """Gets the status that was asked for, whatever it had to say, also when it is lost."""
        bench.work()
        bench.record = bench.running(None, ev.StopRequested(wanted, "please", "person"))
        expected = ev.AttemptStopped(1, wanted, "stopped on request", None)
        for output in (bench.says(), b"", bench.says(status="failed")):
            assert await bench.verdict(output, cause=Cause.REVOKED, code=None) == expected
            assert await bench.verdict(output) == expected
        assert await bench.judge.verdict(bench.record, bench.runtime, Lost("x"), NOW) == [expected]

    async def test_a_providers_limit(self, bench: Bench) -> None:
        """Holds the runtime, uses no try; but a result that is good is good."""
        bench.runtime = DEFAULTS["claude"]
        limit = {
            "type": "rate_limit_event",
            "rate_limit_info": {"status": "rejected", "resetsAt": int(at(600).timestamp())},
        }
        ended = {"type": "result", "subtype": "success", "is_error": True, "result": "You have hit your limit"}
        output = b"".join(json.dumps(each).encode() + b"\n" for each in (limit, ended))
        held, released = await bench.verdicts(output, code=1)
        assert isinstance(held, ev.RuntimeHeld)
        assert isinstance(released, ev.AttemptReleased)
        assert held.runtime == "shell"  # the attempt's own, not what its output is read as
        assert held.hold.until == released.not_before == at(600)
        bench.work()
        ended = {"type": "result", "subtype": "success", "is_error": False, "result": bench.says().decode()}
        output = b"".join(json.dumps(each).encode() + b"\n" for each in (limit, ended))
        assert isinstance(await bench.verdict(output), ev.ResultAccepted)

    async def test_a_limit_that_never_ends(self, bench: Bench) -> None:
        """A date far away, or in the past, is no way to be stopped for ever, or to spin."""
        bench.runtime = DEFAULTS["claude"]
        for reset in (0, 99999999999):
            limit = {"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": reset}}
            ended = {"type": "result", "subtype": "success", "is_error": True, "result": "limit"}
            output = b"".join(json.dumps(each).encode() + b"\n" for each in (limit, ended))
            events = await bench.verdicts(output, code=1)
            if isinstance(events[0], ev.RuntimeHeld):
                assert events[0].hold.until is not None
                assert NOW < events[0].hold.until <= at(100 + 6 * 3600)


class TestInbox:
    """Files that no attempt expects: moved aside by name, never applied, and nothing of them stops the daemon."""

    def sweep(self, bench: Bench, *active: str) -> list[str]:
        return [each.file for each in inbox.stray_results(bench.layout, set(active))]

    async def test_the_late_and_the_foreign(self, bench: Bench) -> None:
        """An ended attempt's is late, any other is rejected; what is expected stays."""
        inbox = bench.layout.results
        (bench.layout.attempts / "T-1.2").mkdir()
        for name in ("T-1.1.json", "T-1.2.json", "T-1.99.json", "x", ".tmp-1"):
            (inbox / name).write_text(name)
        assert self.sweep(bench, "T-1.2") == [
            "results/late/T-1.1.json",
            "results/rejected/T-1.99.json",
            "results/rejected/x",
        ]
        assert sorted(each.name for each in inbox.iterdir()) == [".tmp-1", "T-1.2.json", "late", "rejected"]
        assert (inbox / "late" / "T-1.1.json").read_text() == "T-1.1.json"
        assert self.sweep(bench, "T-1.2") == []

    async def test_a_second_one_of_the_same_name(self, bench: Bench) -> None:
        """Both are kept."""
        for text in ("first", "second"):
            (bench.layout.results / "T-1.1.json").write_text(text)
            self.sweep(bench)
        kept = bench.layout.results / "late"
        assert sorted(each.read_text() for each in kept.iterdir()) == ["first", "second"]

    @pytest.mark.parametrize("what", ["folder", "link", "dangling", "fifo", "link-to-folder"])
    async def test_what_is_no_file(self, bench: Bench, what: str) -> None:
        """Moved as it is, twice; what it points to is not touched."""
        precious = bench.repository.folder / "precious"
        precious.mkdir()
        (precious / "x").write_text("y")
        for _ in range(2):
            stray = bench.layout.results / "T-9.1.json"
            match what:
                case "folder":
                    stray.mkdir()
                    (stray / "inside").write_text("x")
                case "fifo":
                    os.mkfifo(stray)
                case _:
                    targets = {"link": precious / "x", "dangling": Path("nowhere"), "link-to-folder": precious}
                    stray.symlink_to(targets[what])
            assert len(self.sweep(bench)) == 1
        assert [each.name for each in precious.iterdir()] == ["x"]
        assert [each.name for each in bench.layout.results.iterdir()] == ["rejected"]

    @pytest.mark.parametrize("place", ["late", "rejected"])
    @pytest.mark.parametrize("what", ["file", "link", "dangling"])
    async def test_a_place_that_is_taken(self, bench: Bench, place: str, what: str) -> None:
        """By something that is no folder: it goes aside."""
        precious = bench.repository.folder / "precious"
        precious.mkdir()
        taken = bench.layout.results / place
        if what == "file":
            taken.write_text("x")
        else:
            taken.symlink_to(precious if what == "link" else "nowhere")
        for name in ("T-1.1.json", "T-9.1.json"):
            (bench.layout.results / name).write_text("x")
        assert len(self.sweep(bench)) >= 2
        assert list(precious.iterdir()) == []

    async def test_a_name_that_is_no_text(self, bench: Bench) -> None:
        """It is told as well as can be: an event is text."""
        for name in (b"\xff.json", "ü\n.json".encode(), b"-rf.json"):
            Path(os.fsdecode(os.fsencode(bench.layout.results) + b"/" + name)).write_text("x")
        told = self.sweep(bench)
        assert len(told) == 3
        for each in told:
            each.encode()

    async def test_an_inbox_that_is_elsewhere(self, bench: Bench) -> None:
        """Nothing is moved in a folder that is not ours, and a missing one is empty."""
        precious = bench.repository.folder / "precious"
        write(precious, {"mine.json": "x"})
        bench.layout.results.rmdir()
        assert self.sweep(bench) == []
        bench.layout.results.symlink_to(precious)
        assert self.sweep(bench) == []
        assert [each.name for each in precious.iterdir()] == ["mine.json"]

    async def test_a_result_is_kept_beside_its_attempt(self, bench: Bench) -> None:
        """Once; without one there is nothing to keep."""
        inbox.keep_result(bench.layout, "T-1.1")
        bench.layout.result_file("T-1.1").write_text("x")
        for _ in range(2):
            inbox.keep_result(bench.layout, "T-1.1")
        assert (bench.layout.attempts / "T-1.1" / "result.json").read_text() == "x"
        assert not bench.layout.result_file("T-1.1").exists()

    @pytest.mark.parametrize("taken", ["folder", "link"])
    async def test_a_place_beside_its_attempt_that_is_taken(self, bench: Bench, taken: str) -> None:
        """By something a worker has put there: the result is kept all the same."""
        place = bench.layout.attempts / "T-1.1" / "result.json"
        if taken == "folder":
            write(place, {"x": "y"})
        else:
            place.symlink_to(bench.repository.folder)
        bench.layout.result_file("T-1.1").write_text("x")
        inbox.keep_result(bench.layout, "T-1.1")
        assert not bench.layout.result_file("T-1.1").exists()


def test_a_failure_is_given_with_its_class() -> None:
    """What cannot be handled counts like what was lost."""
    bench_failure = failure(FailureClass.LOST)
    record = folded(ev.TaskAdded(task(), 0, "x"), ev.AttemptIntended(Attempt("T-1", 1, "b", "x", "shell", "process")))
    judge = Judge(Layout(Path("/nowhere")), None, None, retries=2)  # type: ignore[arg-type]
    assert record.attempt is not None
    assert judge.given_up(record, record.attempt, bench_failure) == ev.AttemptFailed(1, bench_failure, final=False)
