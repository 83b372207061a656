"""A daemon that would look again in an hour, and a forge that calls."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.conftest import OnForge
from tests.support.fixtures import Start

SECRET = "a-secret-of-the-webhook"


@pytest.fixture
def on(tmp_path: Path) -> Iterator[OnForge]:
    with OnForge.opened(tmp_path, "forgejo") as on_forge:
        yield on_forge


def test_a_delivery_moves_a_gate_at_once(on: OnForge, start: Start) -> None:
    """CI turns green between two looks that are ten minutes apart; one without the secret changes nothing."""
    secret = on.repo.folder / "secret"
    secret.touch(mode=0o600)
    secret.write_text(SECRET)
    hook = f'poll_sec = 600\nwebhook_listen = "127.0.0.1:0"\nwebhook_secret_file = "{secret}"\n'
    text = on.repo.config_file.read_text().replace("poll_sec = 0.1\n", hook)
    on.repo.configure(text + 'change_ci = "skip"\n')
    on.fake.ci_rule(lambda sha: {"build": "running" if "Mosaic-Task" in on.fake.commit(sha).message else "green"})
    on.repo.write_tasks(on.repo.task("T"))
    daemon = start(on.repo, "--poll-sec", "3600").ready()
    daemon.says(r"webhooks: listening on 127.0.0.1:\d+")
    daemon.until(lambda: on.held("T", "running"), "its gate to wait for CI")
    found = re.search(r"webhooks: listening on (127.0.0.1:\d+)", daemon.log)
    assert found is not None
    on.fake.ci(on.fake.sha(), {"build": "green"})
    for secret_used, status in (("a-secret-of-nobody", 401), (SECRET, 204)):
        assert on.repo.status("T") == "in-progress"
        signature = hmac.new(secret_used.encode(), b"{}", hashlib.sha256).hexdigest()
        headers = {"X-Gitea-Signature": signature, "X-Gitea-Delivery": "1"}
        assert httpx.post(f"http://{found[1]}/hook", content=b"{}", headers=headers).status_code == status
    daemon.status("T", "done")
    assert SECRET not in daemon.log
    assert daemon.stop() == 0
