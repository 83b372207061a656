"""What the work has taken and will take, as people and programs read it."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.nouns.budget import Budget, share
from mosaic_daemon.nouns.figures import tokens, tokens_text
from mosaic_daemon.planning.papers.capfile import CapFile
from mosaic_daemon.store.reader import Spent, Use
from mosaic_daemon.views import text

_BAR = 24
_STARTS_PERCENT = 90  # of the cap: above it nothing new is started


def budget_of(layout: Layout, spent: Iterable[Spent], configured: str | None) -> Budget | None:
    """The budget as the daemon sees it; None where there is no cap."""
    cap = CapFile(layout.repo, tokens(configured) if configured else None).read()
    if cap is None:
        return None
    shares = [share(each.status, each.estimate, each.used) for each in spent]
    return Budget(cap, sum(used for used, _ in shares), sum(left for _, left in shares))


def configured_cap(layout: Layout) -> str | None:
    """`budget.cap` of the repository's file, without the cost of reading all settings."""
    try:
        cap = tomllib.loads(layout.config.read_text(encoding="utf-8")).get("budget", {}).get("cap")
        tokens(cap)
    except (OSError, ValueError, AttributeError):
        return None
    return str(cap)


def bar(used: int, remaining: int, cap: int) -> str:
    """`used`, then `to come`, then what is left of the cap."""
    return text.bar(used, remaining, cap, _BAR)


def choices(budget: Budget) -> Iterator[str]:
    """What to choose from when nothing may be started: each takes the work to where it is."""
    excess = budget.projected - budget.cap.tokens * _STARTS_PERCENT // 100
    yield f"reduce scope by {_up(excess)} or more: take findings out of the report"
    yield "split into phases: bootstrap the critical and high findings first, the rest as the next milestone"
    enough = -(-budget.projected * 100 // _STARTS_PERCENT)
    yield f"approve a higher budget: `bootstrap REPORT_DIR --budget {_up(enough)}` or more"


def _up(figure: int) -> str:
    return tokens_text(-(-figure // 1000) * 1000)


def budget_document(budget: Budget) -> dict[str, Any]:
    return {
        "line": budget.line,
        "cap": budget.cap.tokens,
        "source": budget.cap.source,
        "used": budget.used,
        "remaining": budget.remaining,
        "projected": budget.projected,
        "share": round(budget.share, 4),
        "band": budget.band.value,
        "slots": budget.slots,
    }


def planned(layout: Layout) -> list[Spent]:
    """The plan's tasks, before any daemon has taken them in."""
    from mosaic_daemon.planning.papers import record

    found = record.read(layout.repo)
    tasks = [each.task for each in found.plan.tasks] if found else []
    return [Spent(task.phase, task.runtime, "not-started", task.estimate, None) for task in tasks]


def by_phase(spent: Iterable[Spent]) -> list[dict[str, Any]]:
    """Tasks and tokens of each phase."""
    found: defaultdict[int | None, list[Spent]] = defaultdict(list)
    for each in spent:
        found[each.phase].append(each)
    return [_phase(phase, found[phase]) for phase in sorted(found, key=lambda phase: (phase is None, phase))]


def by_runtime(uses: Iterable[Use]) -> dict[str, Any]:
    """Attempts of each runtime and reviews, with their tokens."""
    found = list(uses)
    attempts = [{"runtime": each.runtime, "attempts": each.runs, "used": each.used} for each in found if each.runtime]
    reviews = next((each for each in found if each.runtime is None), Use(None, 0, 0))
    return {"by_runtime": attempts, "reviews": {"reviews": reviews.runs, "used": reviews.used}}


def _phase(phase: int | None, spent: list[Spent]) -> dict[str, Any]:
    shares = [share(each.status, each.estimate, each.used) for each in spent]
    listed = [each for each in spent if each.status != "removed"]
    return {
        "phase": phase,
        "tasks": len(listed),
        "done": sum(each.status == "done" for each in listed),
        "estimated": sum(tokens(each.estimate) for each in listed if each.estimate is not None),
        "used": sum(used for used, _ in shares),
        "remaining": sum(left for _, left in shares),
    }
