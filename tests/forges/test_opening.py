"""A forge that a daemon has opened is closed again, however the daemon ends."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from mosaic_daemon.app.opening import opened
from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.ground.settings import Settings
from tests.forges.benches import proposal
from tests.repository.repos import Repository


@pytest.mark.parametrize("end", [None, LookupError("it ends badly")])
async def test_its_connections_are_given_back(tmp_path: Path, end: Exception | None) -> None:
    repository, opened_forges = Repository(tmp_path), []
    settings = Settings.model_validate({"forge": {"provider": "gitea", "url": "http://127.0.0.1:9", "repo": "a/b"}})
    with suppress(LookupError):
        async with opened(Layout(repository.root), settings, "test") as parts:
            opened_forges.append(parts.forge)
            if end is not None:
                raise end
    [forge] = opened_forges
    with pytest.raises(RuntimeError, match="closed"):
        await forge.issue_is_closed(proposal("T-1.1", "0" * 40, issue="#7"))
