"""The review of the project: 30 findings, and the fate of each one's task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

Act = Literal["works", "fails", "stalls", "says-nothing", "forgets-to-commit", "breaks-ci"]
Opinion = Literal["approves", "blockers", "high", "suggestions", "by-an-agent", "blockers-by-an-agent"]
Step = Literal["", "retries", "defers"]
ACCEPTED = ("works", "breaks-ci")
"""What leaves a result that is reviewed."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to a task.

    Attributes:
        acts: what its attempts do, one after the other.
        opinions: what the reviews of its accepted attempts say, one after the other; the rest is approved.
        share: of the estimate that an accepted attempt takes.
        qa: the fate of the task that mends what a review found.
        person: what a person does about it: retries it when it has failed, or defers it long before its turn.
    """

    acts: tuple[Act, ...] = ("works",)
    opinions: tuple[Opinion, ...] = ()
    share: float = 1.0
    qa: Fate | None = None
    person: Step = ""

    @property
    def is_deferred(self) -> bool:
        """By a person, or at the end of its phase because all its attempts came to nothing."""
        return not self.acts or self.acts[-1] != "works"

    @property
    def has_failed(self) -> bool:
        """Whether it failed for good at some time."""
        return self.person == "retries" or (self.is_deferred and bool(self.acts))


PLAIN = Fate()


@dataclass(frozen=True, slots=True)
class Finding:
    """`file`: the one it is about; its task appends a line to it."""

    name: str
    severity: str
    title: str
    file: str
    fate: Fate = field(default=PLAIN)


FINDINGS = (
    Finding("SEC-API-1", "Critical", "Orders are read by number alone", "src/orders.py"),
    Finding("SEC-API-2", "Critical", "Refunds may be negative", "src/refunds.py", Fate(("fails", "works"))),
    Finding(
        "SEC-API-3",
        "Critical",
        "Invoices of others are shown",
        "src/invoices.py",
        Fate(("fails", "fails", "works"), person="retries"),
    ),
    Finding("SEC-API-4", "Critical", "Prices come from the client", "src/prices.py", Fate(("stalls", "works"))),
    Finding(
        "SEC-API-5",
        "Critical",
        "Uploads overwrite each other",
        "src/uploads.py",
        Fate(opinions=("blockers",), qa=PLAIN),
    ),
    Finding("SEC-API-6", "Critical", "Order notes are public", "src/orders.py", Fate(share=1.2)),
    Finding("SEC-API-7", "Critical", "Backups are world readable", "ops/backup.yml"),
    Finding("SEC-WEB-1", "High", "Mail headers are taken as they come", "src/mail.py", Fate(share=1.4)),
    Finding("SEC-WEB-2", "High", "Debug pages are on", "src/debug.py", Fate(("breaks-ci", "works"))),
    Finding(
        "SEC-WEB-3",
        "High",
        "Carts are guessable",
        "src/cart.py",
        Fate(opinions=("high",), qa=Fate(("works", "works"), opinions=("blockers",))),
    ),
    Finding("SEC-WEB-4", "High", "Coupons work twice", "src/coupons.py", Fate(opinions=("by-an-agent",))),
    Finding("SEC-WEB-5", "High", "Exports hold everything", "src/export.py"),
    Finding("SEC-WEB-6", "High", "Cart totals are trusted", "src/cart.py"),
    Finding("SEC-WEB-7", "High", "Mail goes to any address", "src/mail.py"),
    Finding("CQ-WEB-1", "Medium", "Stock is counted in two places", "src/stock.py", Fate(share=1.8)),
    Finding("CQ-WEB-2", "Medium", "Dates have no zone", "src/dates.py", Fate(share=2.5)),
    Finding(
        "CQ-WEB-3",
        "Medium",
        "The parser is a maze",
        "src/parser.py",
        Fate(("fails", "stalls")),
    ),
    Finding("CQ-WEB-4", "Medium", "Names say nothing", "src/names.py", Fate(opinions=("suggestions",))),
    Finding("CQ-WEB-5", "Medium", "Totals are rounded early", "src/totals.py", Fate(("says-nothing", "works"))),
    Finding("CQ-WEB-6", "Medium", "Labels are built by hand", "src/labels.py", Fate(("forgets-to-commit", "works"))),
    Finding("CQ-WEB-7", "Medium", "Taxes are a long table", "src/taxes.py", Fate(share=0.4)),
    Finding("CQ-WEB-8", "Medium", "Stock levels are copied", "src/stock.py"),
    Finding("PERF-1", "Medium", "Search reads every page", "src/search.py"),
    Finding("PERF-2", "Medium", "Search results are kept for ever", "src/search.py"),
    Finding(
        "TEST-001",
        "Low",
        "The cart is not tried",
        "tests/test_cart.py",
        Fate(opinions=("blockers-by-an-agent",), qa=PLAIN),
    ),
    Finding("TEST-002", "Low", "Refunds are not tried", "tests/test_refunds.py"),
    Finding("TEST-003", "Low", "Mail is not tried", "tests/test_mail.py", Fate(("fails", "works"), share=0.9)),
    Finding("DOC-1", "Low", "The guide is old", "docs/guide.md"),
    Finding("DOC-2", "Low", "The tour is missing", "docs/tour.md", Fate((), person="defers")),
    Finding("CQ-API-1", "Low", "A name has a slip in it", "src/slip.py"),
)
BY_NAME: Mapping[str, Finding] = {each.name: each for each in FINDINGS}

_PAGES = {
    "01-security-review.md": ("# Security review", "SEC"),
    "02-code-quality-review.md": ("# Code quality", "CQ"),
    "03-performance-review.md": ("# Performance", "PERF"),
    "04-qa-test-coverage.md": ("# Test coverage", "TEST"),
    "05-documentation.md": ("# Documentation", "DOC"),
}


def report() -> dict[str, str]:
    """The review as its files, by name."""
    counts = {each: sum(found.severity == each for found in FINDINGS) for each in ("Critical", "High", "Medium", "Low")}
    rows = "".join(f"| {severity} | {count} |\n" for severity, count in counts.items())
    pages = {name: "\n\n".join((title, *_entries(prefix))) + "\n" for name, (title, prefix) in _PAGES.items()}
    return {"00-executive-summary.md": f"# Executive summary\n\n| Severity | Count |\n|---|---|\n{rows}", **pages}


def _entries(prefix: str) -> Iterator[str]:
    for each in FINDINGS:
        if each.name.startswith(f"{prefix}-"):
            yield f"### {each.name}: {each.title}\n\n**Severity:** {each.severity}\n**File:** `{each.file}:7`"
