"""Which phase, category and kind a finding has, by the guide's Step 2, and what tasks and branches are called."""

from __future__ import annotations

import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mosaic_daemon.nouns.task import Kind
from mosaic_daemon.planning.finding import Finding, Severity
from mosaic_daemon.planning.plan import Milestone
from mosaic_daemon.planning.planner.draft import Draft
from mosaic_daemon.planning.planner.words import Wording, keywords, mentions, normalised


class Topic(StrEnum):
    """What a finding is about."""

    SECURITY = "security"
    PERFORMANCE = "performance"
    TESTS = "tests"
    DOCUMENTATION = "documentation"
    QUALITY = "quality"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A row of the guide's table of phases.

    Attributes:
        branch: of the phase; short-lived task branches begin with it.
        labels: of the phase's issue.
        verification: category of the verification task. checks: what that task runs.
    """

    number: int
    severity: Severity
    title: str
    branch: str
    labels: tuple[str, ...]
    verification: str
    checks: str


PATTERNS: Mapping[Severity, Pattern] = {
    pattern.severity: pattern
    for pattern in (
        Pattern(
            1,
            Severity.CRITICAL,
            "Critical Security Fixes",
            "fix/security",
            ("security", "critical"),
            "SEC",
            "Run the security tests and all quality gates.",
        ),
        Pattern(
            2,
            Severity.HIGH,
            "Security Hardening",
            "fix/security",
            ("security", "high"),
            "HIGH",
            "Run the security tests and all quality gates.",
        ),
        Pattern(
            3,
            Severity.MEDIUM,
            "Code Quality and Performance",
            "fix/code-quality",
            ("code-quality", "medium"),
            "CQ",
            "Run the whole test suite, the linters and all quality gates.",
        ),
        Pattern(
            4,
            Severity.LOW,
            "Tests, Documentation and Cleanup",
            "fix/test-coverage",
            ("test-coverage", "low"),
            "TEST",
            "Run the final quality gates: the whole test suite with its coverage, linters, type checks and the build.",
        ),
    )
}
BY_NUMBER: Mapping[int, Pattern] = {pattern.number: pattern for pattern in PATTERNS.values()}

_ID_PARTS: Mapping[str, Topic] = {
    **dict.fromkeys(("SEC", "SECURITY", "AUTH", "VULN", "CVE", "CWE"), Topic.SECURITY),
    **dict.fromkeys(("PERF", "PERFORMANCE"), Topic.PERFORMANCE),
    **dict.fromkeys(("TEST", "TESTS", "QA", "COV"), Topic.TESTS),
    **dict.fromkeys(("DOC", "DOCS"), Topic.DOCUMENTATION),
    **dict.fromkeys(("CQ", "QUALITY", "ARCH", "MAINT", "STYLE", "LINT"), Topic.QUALITY),
}
_FILE_WORDS: Mapping[Topic, tuple[str, ...]] = {
    Topic.SECURITY: keywords("security"),
    Topic.PERFORMANCE: keywords("performance"),
    Topic.TESTS: keywords("qa", "test", "tests", "testing", "coverage"),
    Topic.DOCUMENTATION: keywords("documentation", "docs"),
    Topic.QUALITY: keywords("quality", "maintainability", "architecture"),
}
# First wins: a title about tests or documents of something names that thing as well.
_TITLE_WORDS: Mapping[Topic, tuple[str, ...]] = {
    Topic.TESTS: keywords(
        "test coverage", "code coverage", "untested", "unit test*", "integration test*", "no test*", "missing test*",
        "add test*", "write test*", "flaky", "tests missing", "tests are missing", "regression test*",
    ),
    Topic.DOCUMENTATION: keywords(
        "undocumented", "document the", "missing documentation", "documentation missing", "documentation is",
        "outdated documentation", "api documentation", "no documentation", "readme", "docstring*", "changelog", "jsdoc",
    ),
    Topic.SECURITY: keywords(
        "security", "injection", "xss", "csrf", "ssrf", "xxe", "rce", "cve", "cwe", "vulnerab*", "auth", "authn",
        "authz", "authenticat*", "authoriz*", "authoris*", "unauth*", "password*", "secret", "secrets", "credential*",
        "api key", "api keys", "private key*", "crypto*", "encrypt*", "plaintext", "plain text", "permission*",
        "privilege*", "access control", "rbac", "sanitiz*", "sanitis*", "unescaped", "traversal", "deserializ*",
        "session*", "jwt", "oauth", "cors", "tls", "certificate*", "rate limit*", "brute force", "exposed", "exposure",
        "data leak*", "disclos*", "pii", "hijack*", "spoof*", "open redirect", "malicious", "attack*", "untrusted",
        "idor", "token", "tokens", "signature*", "code execution", "takeover", "poison*", "denial of service", "redos",
        "prototype pollution", "buffer overflow", "heap overflow", "use after free", "world writable",
        "external entit*", "shell", "concatenated into sql", "introspection", "audit log*", "audit trail*",
        "hardcoded key*",
    ),
    Topic.PERFORMANCE: keywords(
        "performance", "slow*", "n 1", "latency", "memory leak*", "throughput", "inefficien*", "quadratic",
        "bottleneck*", "cache", "caching", "unbounded", "blocking call*", "blocks the event loop", "missing index",
    ),
}  # fmt: skip

_TEXT_WORDS = keywords("cwe", "cve", "cvss", "owasp", "vulnerability", "vulnerabilities")

_DOCUMENTS = frozenset({".md", ".rst", ".adoc", ".txt"})
_CONFIGURATION = frozenset(
    {".yml", ".yaml", ".toml", ".ini", ".cfg", ".conf", ".env", ".json", ".properties", ".tf", ".hcl"}
)
_CONFIGURATION_NAMES = frozenset({"dockerfile", "makefile", ".gitignore", ".dockerignore", ".npmrc", ".editorconfig"})
_TEST_PATH = re.compile(r"(^|/)((tests?|__tests__|spec)/|test_[^/]*$)|[._-](tests?|spec)\.[a-z]+$")


def topic_of(finding: Finding, wording: Wording) -> Topic:
    """By the report's own order: the finding's id, then the name of its file; else by its title or a CVE's number."""
    if finding.has_own_id:
        for part in re.split(r"[^A-Z]+", finding.id.upper()):
            if part in _ID_PARTS:
                return _ID_PARTS[part]
    names = [normalised(posixpath.basename(source.file)) for source in finding.sources[:1]]
    by_file = (topic for name in names for topic, words in _FILE_WORDS.items() if mentions(name, words))
    by_title = (topic for topic, words in _TITLE_WORDS.items() if mentions(wording.title, words))
    by_text = Topic.SECURITY if mentions(wording.text, _TEXT_WORDS) else Topic.QUALITY
    return next(by_file, None) or next(by_title, by_text)


def category_of(topic: Topic, phase: int) -> str:
    """The middle of a task's id, by the guide's table of category prefixes."""
    if topic is Topic.SECURITY and phase <= 2:
        return "SEC"
    if phase == 2:
        return "HIGH"
    return {Topic.PERFORMANCE: "PERF", Topic.TESTS: "TEST", Topic.DOCUMENTATION: "DOC"}.get(topic, "CQ")


def kind_of(topic: Topic, files: Sequence[str]) -> Kind:
    """What mending it changes."""
    by_topic = {Topic.TESTS: Kind.TEST, Topic.DOCUMENTATION: Kind.DOCS}
    if topic in by_topic:
        return by_topic[topic]
    kinds = {_kind_of_file(file.lower()) for file in files}
    return kinds.pop() if len(kinds) == 1 else Kind.CODE


def _kind_of_file(path: str) -> Kind:
    name = posixpath.basename(path)
    suffix = posixpath.splitext(name)[1]
    if _TEST_PATH.search(path):
        return Kind.TEST
    if suffix in _DOCUMENTS:
        return Kind.DOCS
    if suffix in _CONFIGURATION or name in _CONFIGURATION_NAMES or name.startswith(".env"):
        return Kind.CONFIG
    return Kind.CODE


def branch_of(task: str, pattern: Pattern, milestone: Milestone) -> str:
    """`fix/security-ms-sec-001`, or the phase's own `fix/security` where its tasks share one."""
    return pattern.branch if milestone.shared_branches else f"{pattern.branch}-{task.lower()}"


class Numbers:
    """Task ids, counted per category over all phases. What was given once is not given again."""

    def __init__(self, prefix: str, taken: Iterable[str]) -> None:
        self._prefix = prefix
        self._last: Counter[str] = Counter()
        # Branches are lower case, so ids that differ in case alone would share one.
        own = re.compile(rf"{re.escape(prefix)}-([A-Z]+)-(\d+)", re.IGNORECASE | re.ASCII)
        for match in filter(None, map(own.fullmatch, taken)):
            self._last[match[1].upper()] = max(self._last[match[1].upper()], int(match[2]))

    def next(self, category: str) -> str:
        self._last[category] += 1
        return f"{self._prefix}-{category}-{self._last[category]:03d}"


def ordered(drafts: Sequence[Draft]) -> list[Draft]:
    """The order inside a phase: what unblocks others, then tasks of one file together, simpler before complex ones.

    Foundations are a block of their own before all others, so no task comes before one that it relies on.
    """
    uses = Counter(file for draft in drafts for file in draft.files)
    groups: defaultdict[tuple[bool, str], list[Draft]] = defaultdict(list)
    for index, draft in enumerate(drafts):
        most_shared = max(draft.files, key=lambda file: uses[file], default=f"\0{index}")
        groups[not draft.founds, most_shared].append(draft)
    inside = {key: sorted(group, key=lambda draft: draft.tokens) for key, group in groups.items()}
    first = sorted(inside, key=lambda key: (key[0], len(inside[key]) == 1, inside[key][0].tokens))
    return [draft for key in first for draft in inside[key]]
