"""What every forge promises, over every forge."""

from __future__ import annotations

import pytest

from mosaic_daemon.forges.base import Clean, Conflict, Landed, Moved, NothingToMerge, Proposal, Sent, Verdict
from tests.forges.benches import Bench, Changes, proposal


async def opened(bench: Bench, change: Proposal) -> Proposal:
    if await bench.forge.find_change(change) is None:
        await bench.forge.open_change(change)
    return change


async def pushed(bench: Bench, changes: Changes) -> str:
    """Somebody else commits, and the forge is asked where the base branch is."""
    sha = bench.push(changes)
    assert await bench.forge.base() == sha
    return sha


async def landed(bench: Bench, change: Proposal) -> Landed:
    """Merge it onto the newest base branch."""
    base = await bench.forge.base()
    await opened(bench, change)
    assert isinstance(await bench.forge.merge(change, base), Sent)
    found = await bench.forge.find_landed(change, base)
    assert found is not None
    return found


async def test_the_base_branch_is_read_anew_each_time(bench: Bench) -> None:
    """Somebody's commit is seen with the next call."""
    assert await bench.forge.base() == bench.head()
    sha = bench.push({"c.txt": "three\n"})
    assert await bench.forge.base() == sha


async def test_a_change_is_there_once_it_is_opened(bench: Bench) -> None:
    """Under a name, and opening it again changes nothing."""
    change = proposal("T-1.1", await bench.work({"a.txt": "mine\n"}))
    await opened(bench, change)
    name = await bench.forge.find_change(change)
    assert name
    await bench.forge.open_change(change)
    assert await bench.forge.find_change(change) == name


async def test_a_squash_lands_on_top_of_the_base_with_the_merged_tree(bench: Bench) -> None:
    """One parent, the tree that was foretold, the content of both sides."""
    change = proposal("T-1.1", await bench.work({"a.txt": "mine\n"}))
    base = await pushed(bench, {"b.txt": "theirs\n"})
    clean = await bench.forge.mergeability(change, base)
    assert isinstance(clean, Clean)
    found = await landed(bench, change)
    assert found == Landed(bench.head(), base, clean.tree)
    assert await bench.forge.expected_tree(change, base) == clean.tree
    assert (bench.content("a.txt"), bench.content("b.txt")) == ("mine\n", "theirs\n")
    assert await bench.forge.base() == found.sha


async def test_merging_again_changes_nothing(bench: Bench) -> None:
    """However often and onto whatever base: one commit."""
    change = proposal("T-1.1", await bench.work({"a.txt": "mine\n"}))
    base = await bench.forge.base()
    found = await landed(bench, change)
    for onto in (base, found.sha, base):
        await bench.forge.merge(change, onto)
        assert bench.head() == found.sha
    above = await pushed(bench, {"c.txt": "three\n"})
    for onto in (base, found.sha):
        await bench.forge.merge(change, onto)
        assert bench.head() == above
        assert await bench.forge.find_landed(change, base) == found


async def test_a_base_that_has_moved_is_not_merged_onto(bench: Bench) -> None:
    """Said as such, and nothing has happened."""
    change = await opened(bench, proposal("T-1.1", await bench.work({"a.txt": "mine\n"})))
    base = await bench.forge.base()
    above = await pushed(bench, {"c.txt": "three\n"})
    assert isinstance(await bench.forge.merge(change, base), Moved)
    assert bench.head() == above
    assert await bench.forge.find_landed(change, base) is None
    assert await bench.forge.find_landed(change, above) is None
    assert isinstance(await bench.forge.merge(change, above), Sent)


async def test_nothing_has_landed_before_it_has(bench: Bench) -> None:
    """Not by looking at it, opening it or asking about it."""
    change = await opened(bench, proposal("T-1.1", await bench.work({"a.txt": "mine\n"})))
    base = await bench.forge.base()
    await bench.forge.mergeability(change, base)
    await bench.forge.change_ci(change, base)
    assert await bench.forge.find_landed(change, base) is None
    assert bench.head() == base


@pytest.mark.parametrize("other", ["T-1.11", "T-1.2", "T-11.1", "T-1x1.1", "XT-1.1", "T-1.1.1", "t-1.1"])
async def test_only_its_own_commit_is_its_commit(bench: Bench, other: str) -> None:
    """Names that look alike, and the dot that means any character to some."""
    base = await bench.forge.base()
    await landed(bench, proposal(other, await bench.work({"a.txt": "x\n"})))
    mine = proposal("T-1.1", await bench.work({"b.txt": "y\n"}))
    assert await bench.forge.find_landed(mine, base) is None


async def test_a_landed_commit_is_found_below_others(bench: Bench) -> None:
    """Above the base it was merged onto; not above itself."""
    first = proposal("T-1.1", await bench.work({"a.txt": "mine\n"}))
    base = await bench.forge.base()
    found = await landed(bench, first)
    bench.push({"c.txt": "three\n"})
    await landed(bench, proposal("T-2.1", await bench.work({"b.txt": "mine\n"})))
    assert await bench.forge.find_landed(first, base) == found
    assert await bench.forge.find_landed(first, found.sha) is None


async def test_a_conflict_names_the_files(bench: Bench) -> None:
    """And there is no tree to expect."""
    change = proposal("T-1.1", await bench.work({"a.txt": "mine\n", "b.txt": "mine\n", "c.txt": "new\n"}))
    base = await pushed(bench, {"a.txt": "theirs\n", "b.txt": None})
    assert await bench.forge.mergeability(change, base) == Conflict(("a.txt", "b.txt"))
    assert await bench.forge.expected_tree(change, base) is None


async def test_a_change_that_is_there_already_is_nothing_to_merge(bench: Bench) -> None:
    """Made by somebody else meanwhile, or never made."""
    change = proposal("T-1.1", await bench.work({"a.txt": "mine\n"}))
    base = await pushed(bench, {"a.txt": "mine\n", "c.txt": "more\n"})
    assert isinstance(await bench.forge.mergeability(change, base), NothingToMerge)
    nothing = proposal("T-2.1", base)
    assert isinstance(await bench.forge.mergeability(nothing, base), NothingToMerge)


async def test_deleted_and_new_files_are_merged(bench: Bench) -> None:
    """A squash is the whole change."""
    change = proposal("T-1.1", await bench.work({"b.txt": None, "deep/er/c.txt": "three\n"}))
    await landed(bench, change)
    assert (bench.content("a.txt"), bench.content("b.txt"), bench.content("deep/er/c.txt")) == (
        "one\n",
        None,
        "three\n",
    )


async def test_several_commits_of_a_worker_become_one(bench: Bench) -> None:
    """On the base branch one commit is added."""
    first = await bench.work({"a.txt": "half\n"})
    change = proposal("T-1.1", await bench.work({"b.txt": "whole\n"}, on=first))
    base = await bench.forge.base()
    found = await landed(bench, change)
    assert found.parent == base
    assert (bench.content("a.txt"), bench.content("b.txt")) == ("half\n", "whole\n")


async def test_an_issue_is_closed_once_it_is_closed(bench: Bench) -> None:
    """With or without a number."""
    for issue in ("", "#7"):
        change = proposal("T-1.1", await bench.work({"a.txt": "mine\n"}), issue=issue)
        if not await bench.forge.issue_is_closed(change):
            await bench.forge.close_issue(change, "Merged.")
        assert await bench.forge.issue_is_closed(change)


async def test_ci_is_never_green_without_a_check(bench: Bench) -> None:
    """No check: absent, with the proof."""
    change = proposal("T-1.1", await bench.work({"a.txt": "mine\n"}))
    base = await bench.forge.base()
    found = await landed(bench, change)
    other = await opened(bench, proposal("T-2.1", await bench.work({"b.txt": "x\n"})))
    for report in (
        await bench.forge.queue(base),
        await bench.forge.change_ci(other, found.sha),
        await bench.forge.commit_ci(found.sha),
    ):
        assert report.checks if report.verdict is Verdict.GREEN else report.detail


async def test_tidying_up_may_be_repeated(bench: Bench) -> None:
    """Before, after, and for a gate that never was."""
    change = proposal("T-1.1", await bench.work({"a.txt": "mine\n"}))
    await bench.forge.tidy(change)
    found = await landed(bench, change)
    await bench.forge.tidy(change)
    await bench.forge.tidy(change)
    assert bench.head() == found.sha
