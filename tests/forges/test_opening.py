"""A forge that a daemon has opened is closed again, however the daemon ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from mosaic_daemon.app import opened
from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.ground.settings import Settings
from tests.forges.benches import proposal
from tests.repository.repos import Repository


@pytest.mark.parametrize("end", [None, LookupError("it ends badly")])
async def test_its_connections_are_given_back(tmp_path: Path, end: Exception | None) -> None:
    repository = Repository(tmp_path)
    forge = {"provider": "gitea", "url": "http://127.0.0.1:9", "repo": "acme/widget"}
    parts = None
    try:
        async with opened(Layout(repository.root), Settings.model_validate({"forge": forge}), "test") as parts:
            if end is not None:
                raise end
    except LookupError as error:
        assert error is end
    assert parts is not None
    with pytest.raises(RuntimeError, match="closed"):
        await parts.forge.issue_is_closed(proposal("T-1.1", "0" * 40, issue="#7"))
