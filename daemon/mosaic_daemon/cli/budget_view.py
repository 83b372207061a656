"""What the work has taken and will take, as people and programs read it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from typing import Any

from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.nouns.budget import Budget, share
from mosaic_daemon.nouns.figures import tokens, tokens_text
from mosaic_daemon.planning.papers.capfile import CapFile
from mosaic_daemon.store.reader import Spent

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


def bar(budget: Budget) -> str:
    """`used`, then `to come`, then what is left of the cap."""
    used = min(_BAR, round(_BAR * budget.used / budget.cap.tokens))
    whole = min(_BAR, round(_BAR * budget.projected / budget.cap.tokens))
    return "█" * used + "▒" * (whole - used) + "·" * (_BAR - whole)


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
