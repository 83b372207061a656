"""What a task will take, in tokens, with the reasons: the guide's Step 3 and its table of task types.

A row's base is the middle of the guide's range. The rows are tried in this order, on the title first and then on the
text, and the first that fits counts: narrow words stand before broad ones, and `sanitize` before `validation`, since
the guide has learnt that such fixes take 2.5 times what they seem to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from mosaic_daemon.nouns.task import Kind
from mosaic_daemon.planning.plan import Reason
from mosaic_daemon.planning.planner.phases import Topic
from mosaic_daemon.planning.planner.words import Wording, keywords, mentions

_PER_FILE = 5_000
_TESTS_ASKED_FOR = 7_500
_REGRESSION_TEST = 5_000
_DOCUMENTS = 2_500
_BULK_PER_FILE = 550


@dataclass(frozen=True, slots=True)
class TaskType:
    """A row: the guide's name of the type, what it is, and its range in tokens."""

    name: str
    what: str
    low: int
    high: int
    words: tuple[str, ...] = ()

    @property
    def base(self) -> int:
        return (self.low + self.high) // 2


class Size(NamedTuple):
    """What an estimate looks at besides the words."""

    topic: Topic
    kind: Kind
    files: int


BULK_CLEANUP = TaskType("BULK_CLEANUP", "bulk cleanup", 3_000, 3_000, keywords("unused", "warnings", "dead code"))
TEST_ADD = TaskType(
    "TEST_ADD", "write tests", 15_000, 25_000,
    keywords("add test*", "add unit test*", "write test*", "coverage", "untested", "no test*", "missing test*",
             "missing unit test*", "unit tests for"),
)  # fmt: skip
DOCUMENTATION = TaskType(
    "DOCUMENTATION", "write documentation", 5_000, 8_000, keywords("undocumented", "docstring*", "readme", "changelog")
)
AUTH_ADD = TaskType(
    "AUTH_ADD",
    "add authentication",
    15_000,
    25_000,
    keywords("auth", "authentication", "unauthenticated", "oauth", "jwt"),
)
OTHER_FIX = TaskType("OTHER_FIX", "fix", 8_000, 12_000)

TASK_TYPES: tuple[TaskType, ...] = (
    TaskType("STYLE_FIX", "style fix", 3_000, 5_000,
             keywords("formatting", "prettier", "lint*", "whitespace", "indentation")),
    BULK_CLEANUP,
    TEST_ADD,
    TaskType("SINGLE_LINE_FIX", "single-line fix", 3_000, 5_000,
             keywords("typo*", "misspell*", "misspelt", "wrong operator", "null check", "off by one", "one line",
                      "missing await", "wrong variable", "wrong constant")),
    TaskType("COMPLEX_REFACTOR", "complex refactor", 25_000, 40_000,
             keywords("architectur*", "rewrite", "redesign", "restructure", "circular dependenc*", "god class",
                      "god object", "multi file", "monolith*", "complex refactor*", "import each other",
                      "cyclic import*")),
    TaskType("SECURITY_FIX", "security fix, 8-12K × 2.5", 20_000, 30_000,
             keywords("sanitiz*", "sanitis*", "injection*", "xss", "cross site", "path traversal", "unescaped",
                      "shell command*", "code execution", "deserializ*", "deserialis*", "external entit*",
                      "prototype pollution", "concatenated into", "built by concatenation")),
    TaskType("GUARD_ADD", "add guard or validation", 5_000, 8_000,
             keywords("guard*", "decorator*", "validat*", "unvalidated", "rate limit*", "permission check*",
                      "authorization check*", "missing check*", "allowlist", "allow list", "bounds check*", "csrf",
                      "not checked", "never checked", "unchecked", "not verified", "does not verify", "does not check",
                      "without check*", "without a limit", "no limit*", "not limited", "unlimited", "unbounded",
                      "no upper limit", "time limit")),
    TaskType("ERROR_HANDLING", "fix error handling", 8_000, 12_000,
             keywords("error handling", "error propagation", "exception*", "try catch", "swallow*", "unhandled",
                      "silently ignor*", "empty catch", "bare except", "crash*", "uncaught", "not caught",
                      "ignores errors", "error is ignored", "errors are ignored", "return value")),
    AUTH_ADD,
    TaskType("REFACTOR", "refactor pattern", 10_000, 15_000,
             keywords("refactor*", "replace*", "migrat*", "memory leak*", "leak*", "duplicat*", "extract*", "simplif*",
                      "deprecated", "n 1", "keys with scan", "race", "race condition*", "not atomic",
                      "blocks the event loop", "in the event loop", "never removed")),
    TaskType("FEATURE_ADD", "add new functionality", 15_000, 25_000,
             keywords("implement*", "add support", "new service*", "new component*", "new endpoint*", "new method*",
                      "introduce*", "feature", "not implemented")),
    DOCUMENTATION,
)  # fmt: skip

# Many a text mentions authentication that is there already.
_IN_TEXTS = tuple(each for each in TASK_TYPES if each is not AUTH_ADD)

_BULK = re.compile(r" (\d{1,4}) files ")
_TESTS_WANTED = keywords(
    "add test*", "add a test*", "add unit test*", "add regression test*", "write test*", "regression test*", "no tests",
    "untested", "needs tests", "need tests", "with tests", "tests needed", "tests required", "cover it with",
    "test coverage",
)  # fmt: skip
_DOCUMENTS_WANTED = keywords(
    "document it", "document the", "document this", "documentation", "undocumented", "readme", "changelog",
    "update docs", "update the docs", "api docs", "openapi", "docstring*",
)  # fmt: skip


VERIFICATION = "VERIFICATION"
"""The type of a phase's verification task: no finding is of it."""


def files_named(wording: Wording) -> int | None:
    """How many files a text speaks of (`~200 files`); None when it does not say."""
    named = _BULK.search(wording.text)
    return int(named[1]) if named else None


def classified(wording: Wording, topic: Topic) -> TaskType:
    """The type of a finding's task; `OTHER_FIX` when no row fits."""
    if topic is Topic.TESTS:
        return TEST_ADD
    for text, types in ((wording.title, TASK_TYPES), (wording.text, _IN_TEXTS)):
        if found := next((each for each in types if mentions(text, each.words)), None):
            return found
        if _BULK.search(text):
            return BULK_CLEANUP
    return DOCUMENTATION if topic is Topic.DOCUMENTATION else OTHER_FIX


def estimated(wording: Wording, size: Size) -> tuple[Reason, ...]:
    """The estimate of a finding's task, part by part.

    Of the guide's ranges: tests that the report asks for are the middle, 7.5K; a security fix for which it asks none is
    still written test-first, and takes the lower end, 5K. Documents are the middle, 2.5K. A bulk cleanup takes 550 a
    file, and 3K at the least, which makes up for the addition per file.
    """
    task_type = classified(wording, size.topic)
    if task_type is BULK_CLEANUP:
        count = max(files_named(wording) or 1, size.files)
        reasons = [Reason(max(count * _BULK_PER_FILE, task_type.base), f"base: bulk cleanup, {_files(count)}")]
    else:
        reasons = [Reason(task_type.base, f"base: {task_type.what}")]
        if size.files > 1:
            reasons.append(Reason((size.files - 1) * _PER_FILE, f"+{_files(size.files - 1)}"))
    if size.kind in (Kind.CODE, Kind.CONFIG):
        if task_type is not TEST_ADD and mentions(wording.text, _TESTS_WANTED):
            reasons.append(Reason(_TESTS_ASKED_FOR, "tests asked for"))
        elif size.topic is Topic.SECURITY:
            reasons.append(Reason(_REGRESSION_TEST, "regression test of a security fix"))
        if mentions(wording.text, _DOCUMENTS_WANTED):
            reasons.append(Reason(_DOCUMENTS, "documentation"))
    return tuple(reasons)


def of_documentation(tasks: int) -> tuple[Reason, ...]:
    """A phase's documentation task: 5K, and 1K a task it describes, 25K at the most."""
    return Reason(5_000, "base: documentation of a phase"), Reason(min(tasks * 1_000, 20_000), _changes(tasks))


def of_requirements() -> tuple[Reason, ...]:
    """Reading a project and improving its requirements."""
    return (Reason(15_000, "base: requirements of a project"),)


def of_verification(tasks: int) -> tuple[Reason, ...]:
    """A phase's verification task: 10K to run everything, and 0.5K a task it looks at, 40K at the most."""
    return Reason(10_000, "base: verification of a phase"), Reason(min(tasks * 500, 30_000), _changes(tasks))


def _files(count: int) -> str:
    return f"{count} file" if count == 1 else f"{count} files"


def _changes(count: int) -> str:
    return f"{count} task to look at" if count == 1 else f"{count} tasks to look at"
