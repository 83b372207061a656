"""Tags of the origin: annotated, made once, never moved."""

from __future__ import annotations

from pathlib import Path

import pytest

from mosaic_daemon.ground.errors import Unavailable
from mosaic_daemon.repository.clone import Clone, PushRefused
from mosaic_daemon.repository.tags import Tags
from tests.repository.repos import Repository, git
from tests.samples import NOON

MESSAGE = "Release v0.0.1 - First"


@pytest.fixture(params=[True, False], ids=["origin", "no-origin"])
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Repository:
    return Repository(tmp_path, origin=request.param)


async def opened(repository: Repository) -> tuple[Clone, Tags]:
    clone = await repository.open()
    await clone.base()
    return clone, Tags(clone)


async def test_an_annotated_tag_is_made_once(repository: Repository) -> None:
    """Pushed again it is the same object, whoever asks and when."""
    _, tags = await opened(repository)
    assert await tags.find("v0.0.1") is None
    for _ in range(2):
        await tags.push("v0.0.1", repository.head(), MESSAGE, NOON)
    tag = await tags.find("v0.0.1")
    assert tag is not None
    assert tag.is_annotated
    assert tag.commit == repository.head()
    assert git(repository.base, "tag", "-n9", "--list", "v0.0.1").split(None, 1) == ["v0.0.1", MESSAGE]
    _, others = await opened(repository)
    await others.push("v0.0.1", repository.head(), MESSAGE, NOON)
    assert await others.find("v0.0.1") == tag


async def test_one_that_is_there_is_never_moved(repository: Repository) -> None:
    """Neither an annotated nor a lightweight one, and which of them it is can be told."""
    first = repository.head()
    git(repository.base, "tag", "v0.0.1", first)
    git(repository.base, "tag", "-a", "-m", "mine", "v0.0.2", first)
    newer = repository.push({"a.txt": "newer\n"})
    _, tags = await opened(repository)
    for name in ("v0.0.1", "v0.0.2"):
        await tags.push(name, newer, MESSAGE, NOON)
    found = await tags.all()
    assert {name: (tag.commit, tag.is_annotated) for name, tag in found.items()} == {
        "v0.0.1": (first, False),
        "v0.0.2": (first, True),
    }


async def test_a_protected_tag_is_named(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    hook = repository.base / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ncase $1 in refs/tags/*) echo 'tags are protected' >&2; exit 1;; esac\n")
    hook.chmod(0o755)
    _, tags = await opened(repository)
    with pytest.raises(PushRefused, match=r"the server refuses the tag v0\.0\.1: .*hook declined") as caught:
        await tags.push("v0.0.1", repository.head(), MESSAGE, NOON)
    assert "push" in caught.value.where
    assert await tags.find("v0.0.1") is None


async def test_an_origin_that_is_away_is_a_matter_of_time(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    clone, tags = await opened(repository)
    head = await clone.base()
    repository.base.rename(repository.folder / "away.git")
    with pytest.raises(Unavailable, match="tags cannot be read"):
        await tags.find("v0.0.1")
    with pytest.raises(Unavailable, match=r"the tag v0\.0\.1 cannot be pushed"):
        await tags.push("v0.0.1", head, MESSAGE, NOON)
