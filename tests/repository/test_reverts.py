"""Changes that take back what other tasks have landed."""

from __future__ import annotations

from pathlib import Path

import pytest

from mosaic_daemon.repository.reverts import Reverted, reverted
from tests.repository.repos import Repository, commit, git

FIRST = "".join(f"first line number {number}\n" for number in range(6))
BETTER = FIRST + "".join(f"a check for case {number}\n" for number in range(4))


class Bench:
    """`landing`: the squash commit of T-1, which added four lines to a.txt and the file new.txt."""

    def __init__(self, folder: Path) -> None:
        self.repository = Repository(folder)
        self.repository.push({"a.txt": FIRST})
        self.landing = self.repository.push({"a.txt": BETTER, "new.txt": "brand new\n"}, "T-1\n\nMosaic-Task: T-1\n")
        self.base = self.repository.push({"z.txt": "by a person\n"})

    async def ask(self, task: str, **changes: str | None) -> tuple[Reverted, ...]:
        """What a worker's change of these files takes back; `_` in a name stands for the dot."""
        tree = self.repository.folder / "worker"
        git(self.repository.folder, "clone", "-q", str(self.repository.base), str(tree))
        head = commit(tree, {name.replace("_", "."): text for name, text in changes.items()})
        clone = await self.repository.open()
        await clone.base()
        assert await clone.take(tree, "main", "attempts/x") == head
        return await reverted(clone.git, self.base, head, task)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_the_old_text_of_a_file_is_seen(bench: Bench) -> None:
    """An agent that writes back its stale copy removes every line the other task added."""
    assert await bench.ask("T-2", a_txt=FIRST + "mine is here\n") == (Reverted("a.txt", bench.landing),)


async def test_a_file_that_another_task_made_is_missed(bench: Bench) -> None:
    assert await bench.ask("T-2", new_txt=None, b_txt="changed\n") == (Reverted("new.txt", bench.landing),)


@pytest.mark.parametrize(
    "changes",
    [
        {"a_txt": BETTER + "one more of mine\n"},
        {"a_txt": BETTER.replace("a check for case 3\n", "")},
        {"a_txt": BETTER.replace("first line number 1\n", "")},
        {"b_txt": None},
        {"other_txt": "x\n"},
    ],
)
async def test_ordinary_work_is_left_alone(bench: Bench, changes: dict[str, str | None]) -> None:
    """Adding to it, mending a line of it, removing what was there long before."""
    assert await bench.ask("T-2", **changes) == ()


async def test_a_task_may_take_back_its_own(bench: Bench) -> None:
    assert await bench.ask("T-1", a_txt=FIRST, new_txt=None) == ()


async def test_what_a_person_committed_is_no_tasks_work(bench: Bench) -> None:
    assert await bench.ask("T-2", z_txt=None) == ()


async def test_lines_that_look_like_headers_are_lines(bench: Bench) -> None:
    """A change may hold a diff."""
    text = "--- a/a.txt\n+++ b/a.txt\n-a check for case 1\n-a check for case 2\n-a check for case 3\n"
    assert await bench.ask("T-2", other_txt=text) == ()
