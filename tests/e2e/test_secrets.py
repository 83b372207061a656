"""A secret that a worker has found, and everything that might carry it on: nothing does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import httpx
import pytest

from tests.e2e.conftest import OnForge
from tests.support import worker
from tests.support.fixtures import Start

HOOK = "the-canary-of-the-webhooks"
PAGE = "the-canary-of-the-page"


def secret_file(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.touch(mode=0o600)
    file.write_text(text)
    return file


def leaking(*secrets: Path) -> list[str]:
    """A worker that looks everywhere, and says and notes all it finds."""
    all_of_them = f'all="$(cat {" ".join(shlex.quote(str(each)) for each in secrets)} | tr "\\n" " ")"'
    return [
        all_of_them,
        'env > "$PWD.env"',
        'cat /proc/self/cmdline /proc/$$/cmdline /proc/$PPID/cmdline > "$PWD.argv"',
        'echo "found $all" >&2',
        'echo "found $all"',
    ]


RESULT = (
    'printf \'{"task_id":"%s","status":"%s","used":"1K","commit_sha":"%s","notes":"found %s"}\\n\''
    ' "$MOSAIC_TASK_ID" "$status" "$(git rev-parse HEAD)" "$all"'
)


@pytest.mark.slow
def test_no_sink_has_the_secret(tmp_path: Path, start: Start) -> None:
    """Log, arguments, workers' environment, events, queue, table, pull request, page, API, metrics."""
    with OnForge.opened(tmp_path, "forgejo") as on:
        forge = tmp_path / "token"
        secrets = [forge, secret_file(tmp_path, "hook", HOOK), secret_file(tmp_path, "page", PAGE)]
        canaries = [each.read_text().strip() for each in secrets]
        hook = f'webhook_listen = "127.0.0.1:0"\nwebhook_secret_file = "{secrets[1]}"\npoll_sec'
        page = f'[worker]\nretries = 0\n[http]\nlisten = "127.0.0.1:0"\ntoken_file = "{secrets[2]}"\n'
        on.repo.configure(on.repo.config_file.read_text().replace("poll_sec", hook) + page)
        good = worker.script(*leaking(*secrets), "echo hello > T.txt", worker.COMMIT, "status=success", RESULT)
        bad = worker.script(*leaking(*secrets), "status=failed", RESULT)
        on.fake.ci_always({"build": "green"})
        on.repo.write_tasks(
            {"id": "GOOD", "description": "F-1: a change", "command": good},
            {"id": "BAD", "description": "F-2: a change", "command": bad},
        )
        env = {"GITEA_TOKEN": canaries[0], "ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}
        daemon = start(on.repo, "--log-format", "json", env=env).ready()
        daemon.status("GOOD", "done")
        daemon.status("BAD", "failed")
        daemon.says("http: listening")
        found = re.search(r"http: listening on (127.0.0.1:\d+)", daemon.log)
        assert found is not None
        sinks = {"log": daemon.log}
        with httpx.Client(base_url=f"http://{found[1]}", headers={"Authorization": f"Bearer {PAGE}"}) as client:
            for place in (
                *("/", "/tasks", "/tasks/GOOD", "/tasks/BAD", "/tasks/GOOD/attempts/1", "/events", "/budget", "/graph"),
                *("/metrics", "/api/v1/status", "/api/v1/tasks", "/api/v1/tasks/GOOD", "/api/v1/tasks/BAD"),
                *("/api/v1/tasks/BAD/attempts/1/log", "/api/v1/events", "/api/v1/budget", "/api/v1/graph"),
            ):
                answer = client.get(place)
                assert answer.status_code == 200, place
                sinks[place] = answer.text
        assert "found ***" in sinks["/tasks/GOOD/attempts/1"]
        assert "found ***" in sinks["/api/v1/tasks/BAD"]
        for task in ("GOOD", "BAD"):
            for kind in ("env", "argv"):
                file = on.repo.state / "worktrees" / f"{task}.1.{kind}"
                sinks[f"{task} {kind}"] = file.read_text(errors="replace")
        (pull,) = on.fake.pulls
        sinks["pull request"] = f"{pull.title}\n{pull.body}\n{pull.head}\n{on.fake.comments(pull)}"
        sinks["squash"] = on.fake.commit(on.fake.sha()).message
        sinks["events"] = "\n".join(str(event) for event in on.repo.events())
        sinks["queue"] = on.repo.tasks_file.read_text()
        sinks["table"] = on.repo.on_main("docs/TASKS.md") or ""
        sinks["about"] = str(daemon.ask("about"))
        sinks["arguments"] = Path(f"/proc/{daemon.pid}/cmdline").read_text()
        for name, sink in sinks.items():
            for canary in canaries:
                assert canary not in sink, f"{name} has {canary}"
        assert daemon.stop() == 0
