"""D1, D2, D3: what a forge costs. A real daemon, and a fake forge that speaks HTTP in a process of its own."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.forges.fakes.control import Remote
from tests.forges.fakes.fake import TOKEN

from benchmarks.daemon import PATIENCE_SEC, Conduct, Daemon, daemon, started
from benchmarks.figures import Figure, median, milliseconds
from benchmarks.scene import Scene, scene
from benchmarks.sizes import Sizes
from benchmarks.workers import committing

_ROOT = Path(__file__).resolve().parent.parent
_REPO = "acme/widget"
#: An Enterprise Server stands for GitHub: it may be at any address.
DIALECTS = {"github": "github-enterprise", "gitea": "gitea", "gitlab": "gitlab"}
_FOR_EVER = 10**6

_CI_SEC, _POLL_SEC, _SLOWEST_SEC, _RESCAN_SEC, _GROWTH = 600.0, 5.0, 30.0, 10.0, 1.5
_STEPS = ("gate.pr.after-act", "gate.merge.after-act", "gate.close.after-act")
_REQUEST = re.compile(r"(?:GET|POST|PUT|PATCH|DELETE) https?://\S+ \d{3} in ([\d.]+) s")
_MOVED = re.compile(r" gate-stepped | done: ")


@contextmanager
def forge(here: Scene, dialect: str) -> Iterator[Remote]:
    """A forge over the scene's origin, and the scene's repository configured for it."""
    command = [sys.executable, "-m", "tests.forges.fakes", DIALECTS[dialect], "--origin", str(here.origin)]
    with subprocess.Popen(
        [*command, "--repo", _REPO], cwd=_ROOT, env=here.environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield Remote(process.stdout.readline().strip())
        finally:
            process.terminate()


def configure(here: Scene, remote: Remote, dialect: str, *more: str, poll_sec: float) -> None:
    token = here.folder / "token"
    token.touch(mode=0o600)
    token.write_text(TOKEN)
    where = (f'provider = "{dialect}"', f'url = "{remote.url}"', f'repo = "{_REPO}"', f'token_file = "{token}"')
    lines = ("[forge]", *where, f"poll_sec = {poll_sec}", *more)
    here.layout.config.write_text("".join(f"{line}\n" for line in lines))


# --- D1 ---------------------------------------------------------------------------------------------------------------


def green_to_merged(sizes: Sizes) -> Iterator[Figure]:
    """D1: from the last check of the pull request turning green to the squash commit on the base branch."""
    poll_sec = 1.25  # no look comes within a second, which on GitHub has to be between two writes
    for dialect in DIALECTS:
        with scene(config=()) as here, forge(here, dialect) as remote:
            configure(here, remote, dialect, "[tracking]", 'commit = "off"', poll_sec=poll_sec)
            remote.call("ci_always", {"build": "green"}, running=_FOR_EVER)
            with daemon(here, Conduct(log_level="debug")) as running:
                found = [_merge(here, remote, running, number, poll_sec) for number in range(sizes.merges)]
                request = 1000 * median([float(seconds) for seconds in _REQUEST.findall(running.log)])
        yield Figure(
            f"D1.{dialect}",
            f"last check green → squash merged, {dialect}, forge polled, p50",
            "ms",
            median(found),
            goal=1000 * poll_sec + 4 * request,
            limit=500 * poll_sec + 4 * request,
            limit_is="half a poll interval, as whoever polls waits in the mean, and 4 requests as the daemon sees them",
            samples=len(found),
            note=f"polled every {poll_sec} s at first; a request takes {request:.1f} ms; longest {max(found):.0f} ms",
        )


def _merge(here: Scene, remote: Remote, running: Daemon, number: int, poll_sec: float) -> float:
    """Milliseconds of one merge; at any phase of the polling."""
    remote.call("ci", _heads(here)["main"], {"build": "green"})
    before = _heads(here)
    here.enqueue(committing(here, f"T-{number}"))
    (head,) = _until(lambda: set(_heads(here).values()) - set(before.values()), "the task's branch")
    _until(lambda: any(_is_ci_of(entry, head) for entry in remote.log()), "CI of the change to be asked for")
    time.sleep(random.uniform(0, 0.8 * poll_sec))  # noqa: S311  # the next look comes after 0.8 to 1.2 intervals
    green = time.monotonic_ns()
    remote.call("ci", head, {"build": "green"})
    _until(lambda: _heads(here)["main"] != before["main"], "the merge", pause_sec=0.001)
    took = milliseconds(time.monotonic_ns() - green)
    remote.call("ci", _heads(here)["main"], {"build": "green"})
    running.wait_for("done", number + 1)
    return took


def _is_ci_of(entry: dict[str, Any], sha: str) -> bool:
    return sha in f"{entry['path']} {entry['query']}"


def _heads(here: Scene) -> dict[str, str]:
    """The origin's branches, read from its files: a process each would take longer than what is measured."""
    folder = here.origin / "refs" / "heads"
    return {
        str(file.relative_to(folder)): file.read_text().strip()
        for file in folder.rglob("*")
        if file.is_file() and file.suffix != ".lock"
    }


# --- D2 ---------------------------------------------------------------------------------------------------------------


def requests_per_delivery(sizes: Sizes) -> Iterator[Figure]:
    """D2: one task from its pull request to its closed issue; CI of the change and of the merge takes 10 minutes each.

    All times are made shorter by the same factor. Requests are not, so a little less is asked than in full length.
    """
    factor = _CI_SEC / sizes.ci_sec
    for dialect in DIALECTS:
        with scene() as here, forge(here, dialect) as remote:
            times = ("[tracking]", f"interval_sec = {10 / factor}", "[gate]", f"first_run_sec = {120 / factor}")
            configure(here, remote, dialect, *times, poll_sec=_POLL_SEC / factor)
            remote.call("ci", _heads(here)["main"], {"build": "green"})
            remote.call("ci_always", {"build": "green"}, seconds=sizes.ci_sec)
            issue = remote.call("issue", "a finding")
            with started(here, Conduct(poll_sec=_RESCAN_SEC / factor)) as running:
                running.wait(lambda: running.ready, "READY=1")
                before = len(remote.log())
                here.enqueue({**committing(here, "T-0"), "issue": f"#{issue['number']}"})
                running.wait_for("done", 1)
                log = remote.log()[before:]
        unchanged = sum(entry["status"] == 304 for entry in log)
        free = unchanged if dialect == "github" else 0  # only there an unchanged read costs nothing of the budget
        polled = 0 if free else 2 * looks()
        yield Figure(
            f"D2.{dialect}",
            f"requests per delivered task that {dialect} counts, CI taking 10 minutes, twice",
            "requests",
            len(log) - free,
            goal=40 if dialect == "github" else None,
            limit=10 + polled,
            limit_is="one request a step" + (f", and {polled} looks at running CI" if polled else ""),
            samples=1,
            note=f"{len(log)} sent, {unchanged} of them answered `not modified`, {free} of these not counted; time "
            f"{factor:.0f} times as fast; most often {_most(log)}",
        )


def looks() -> int:
    """How often CI is looked at while it runs, by the default intervals."""
    at, interval, count = 0.0, _POLL_SEC, 0
    while at < _CI_SEC:
        at, interval, count = at + interval, min(interval * _GROWTH, _SLOWEST_SEC), count + 1
    return count


def _most(log: Sequence[dict[str, Any]]) -> str:
    found = Counter(entry["operation"] for entry in log).most_common(4)
    return ", ".join(f"{operation} {count}" for operation, count in found)


# --- D3 ---------------------------------------------------------------------------------------------------------------


def requests_of_recovery(sizes: Sizes) -> Iterator[Figure]:
    """D3: killed right after an act, before its answer was written down; requests until the next daemon moves on.

    Killed before it, a gate looks for the act for two minutes before it dares to do it again: that is left out.
    """
    for dialect in DIALECTS:
        found = {point: _recovery(dialect, point) for point in _STEPS[: sizes.interrupted]}
        yield Figure(
            f"D3.{dialect}",
            f"requests of a gate's recovery before it moves on, {dialect}, the most of {len(found)} steps",
            "requests",
            max(found.values()),
            goal=6,
            limit=1,
            limit_is="one look at what the act has changed",
            samples=len(found),
            note=", ".join(f"{point.split('.')[1]} {count}" for point, count in found.items()),
        )


def _recovery(dialect: str, point: str) -> int:
    with scene(config=()) as here, forge(here, dialect) as remote:
        configure(here, remote, dialect, "[tracking]", 'commit = "off"', poll_sec=0.1)
        remote.call("ci_always", {"build": "green"})
        issue = remote.call("issue", "a finding")
        here.enqueue({**committing(here, "T-0"), "issue": f"#{issue['number']}"})
        with started(here, Conduct(env={"MOSAIC_FAILPOINT": f"{point}=kill"})) as first:
            first.died()
        with started(here, Conduct(log_level="debug")) as second:
            moved = _until(lambda: _MOVED.search(second.log), f"the gate to move on after {point}")
            return len(_REQUEST.findall(second.log[: moved.start()]))


def _until(condition: Callable[[], Any], what: str, *, pause_sec: float = 0.02) -> Any:
    end = time.monotonic() + PATIENCE_SEC
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited in vain for {what}")
        time.sleep(pause_sec)
    return value
