"""E1, E2: reading review reports. How long a huge one takes, and how well those of the corpus are read."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from tests.planning.corpus import cases, score

from benchmarks.figures import Figure, median, milliseconds
from benchmarks.sizes import Sizes
from mosaic_daemon.planning.reports import blocks, read

_T = TypeVar("_T")
_SEED = 4
_TEXT = """
    the route handler does not check its session before answers are sent so anybody who knows this address may read all
    records of other customers until somebody restarts a worker or clears what was cached by mistake last week
"""


def reading_time(sizes: Sizes) -> Iterator[Figure]:
    """E1: one Markdown file of findings under headings, with labels, prose, code and lists."""
    text = huge_report(sizes.report_lines)
    found, limits = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "report.md")
        path.write_text(text)
        for _ in range(sizes.readings):
            limits.append(_timed(lambda: blocks.parsed(text))[0])
            took, report = _timed(lambda: read(path, root=Path(folder)))
            found.append(took)
    if len(report.findings) != text.count("\n### "):
        raise RuntimeError("the report was not read as it was written")
    yield Figure(
        "E1",
        f"a report of {text.count(chr(10)):,} lines and {len(text) / 1e6:.1f} MB is read",
        "ms",
        median(found),
        goal=2000 * len(text) / 10e6,
        limit=median(limits),
        limit_is="the Markdown parser alone makes blocks of it",
        samples=len(found),
        note=f"{len(report.findings):,} findings; the goal is 2 s for 10 MB, here in proportion",
    )


def reading_quality(_: Sizes) -> Iterator[Figure]:
    """E2: findings of the corpus with every field right, of those that were read and of those that are there."""
    scores = [score(read(case.report, root=case.root), case.expected) for case in cases()]
    right = sum(each.true_positives for each in scores)
    surplus, missing = sum(each.false_positives for each in scores), sum(each.false_negatives for each in scores)
    measured = (("E2.precision", "read", right + surplus), ("E2.recall", "to be read", right + missing))
    for key, named, of in measured:
        yield Figure(
            key,
            f"{key.partition('.')[2]} over the corpus: findings {named} for each that is right, 1.00 being all of them",
            "x",
            of / right,
            goal=1.0,
            limit=1.0,
            limit_is="a careful reader",
            samples=len(scores),
            note=f"{key.partition('.')[2]} {right / of:.2f}: {right} of {of} findings in {len(scores)} reports",
        )


def huge_report(lines: int) -> str:
    """A report as reviewers write them, of about so many lines; the same each time."""
    chance = random.Random(_SEED)  # noqa: S311  # text, no secret
    written = ["# Review", ""]
    number = 0
    while len(written) < lines:
        number += 1
        written += [
            f"### SEC-API-{number}: {_sentence(chance, 60)}",
            "",
            f"**Severity:** {chance.choice(('Critical', 'High', 'Medium', 'Low'))}",
            f"**File:** `apps/api/src/part{number % 97}.ts:{number % 300 + 1}-{number % 300 + 9}`",
            "",
            *(_sentence(chance, 150) for _ in range(8)),
            "",
            "```ts",
            *(f"    const x{at} = await handler(request); // {_sentence(chance, 100)}" for at in range(4)),
            "```",
            "",
            f"- [ ] {_sentence(chance, 130)}",
            f"- {_sentence(chance, 130)} `apps/web/src/other.ts:4`",
            "",
        ]
    return "\n".join(written)


def _sentence(chance: random.Random, length: int) -> str:
    words = " ".join(chance.choices(_TEXT.split(), k=length // 5 + 1))
    return words[:length].strip().capitalize() + "."


def _timed(act: Callable[[], _T]) -> tuple[float, _T]:
    start = time.perf_counter_ns()
    result = act()
    return milliseconds(time.perf_counter_ns() - start), result
