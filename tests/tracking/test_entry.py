"""One task of `tasks.json`: what is accepted, and how a refusal reads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.nouns.figures import tokens, tokens_text
from mosaic_daemon.tracking import entry
from mosaic_daemon.tracking.entry import DAEMON_FIELDS, FIELDS, PEOPLE_FIELDS, Entry

SMALLEST: dict[str, Any] = {"id": "MS-SEC-001", "description": "SEC-API-1: …"}
DOCUMENTED = {
    **SMALLEST,
    "status": "not-started",
    "issue": "#12",
    "repo": "api",
    "branch": "fix/security-ms-sec-001",
    "depends_on": [],
    "blocks": [],
    "estimate": "8K",
    "priority": 0,
    "kind": "code",
    "phase": 1,
    "files": ["src/auth.py"],
    "runtime": "claude",
    "command": None,
    "prompt": None,
    "rail": None,
    "fixes_main": False,
    "category": "hard",
    "stage": None,
    "agent": None,
    "attempt": 0,
    "started_at": None,
    "completed_at": None,
    "used": None,
    "notes": "",
    "evidence": None,
}


def refusal(**fields: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        entry.validate({**SMALLEST, **fields}, source="tasks.json", position=3)
    return caught.value


def test_the_documented_entry_is_the_whole_model() -> None:
    """Every field of the interface is known, and there is no other."""
    assert entry.validate(DOCUMENTED, source="x", position=1).id == "MS-SEC-001"
    assert set(FIELDS) == set(DOCUMENTED)
    assert set(FIELDS) == {"id", "status", *PEOPLE_FIELDS, *DAEMON_FIELDS}


def test_id_and_description_are_enough() -> None:
    """Everything else has a default, and null says the same as leaving it out."""
    smallest = entry.validate(SMALLEST, source="x", position=1)
    nothing = {"issue": None, "repo": None, "branch": None, "estimate": None, "command": None}
    assert entry.validate({**SMALLEST, **nothing}, source="x", position=1) == smallest
    assert (smallest.status.value, smallest.kind.value, smallest.branch) == ("not-started", "code", "")


def test_unknown_fields_are_kept() -> None:
    """Even one that looks like a slip: it may be another tool's."""
    kept = entry.validate({**SMALLEST, "depend_on": ["x"], "jira": {"key": 1}}, source="x", position=1)
    assert kept.model_extra == {"depend_on": ["x"], "jira": {"key": 1}}


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        (
            {"status": "in-progres"},
            "tasks.json: task 'MS-SEC-001': field 'status': 'in-progres' is not one of not-started, in-progress, done, "
            "failed, blocked, needs-qa, deferred; did you mean 'in-progress'?",
        ),
        (
            {"kind": "Tests"},
            "tasks.json: task 'MS-SEC-001': field 'kind': 'Tests' is not one of code, docs, config, test, "
            "verification, qa, tracking; did you mean 'test'?",
        ),
        (
            {"depends_on": ["MS-1", "a/b"]},
            "tasks.json: task 'MS-SEC-001': field 'depends_on[1]': 'a/b' is no task id: letters, digits, '.', '_', "
            "'-', no '..', 64 at most",
        ),
        ({"priority": "1"}, "tasks.json: task 'MS-SEC-001': field 'priority': '1' should be a valid integer"),
        (
            {"id": "../x", "notes": None},
            "tasks.json: entry 3: field 'id': '../x' is no task id: letters, digits, '.', '_', '-', no '..', "
            "64 at most (and 1 more wrong in it)",
        ),
    ],
)
def test_a_refusal_names_task_field_and_remedy(fields: dict[str, Any], line: str) -> None:
    """One line that a person can act on."""
    assert refusal(**fields).line == line


def test_a_missing_field_is_named() -> None:
    """`description` is the only one that can be missing beside `id`."""
    with pytest.raises(InputError, match="task 'a': field 'description' is missing"):
        entry.validate({"id": "a"}, source="x", position=1)


@pytest.mark.parametrize(
    "value", ["", "-x", "../etc", "a/b", "a..b", ".a", "a b", "a\n", "é", "x" * 65, "--upload-pack=x", 5, None]
)
def test_ids_that_are_paths_or_options(value: Any) -> None:
    """An id becomes a folder, a file and a branch."""
    assert not entry.is_task_id(value)
    assert "'id'" in refusal(id=value).problem


@pytest.mark.parametrize(
    "value",
    ["-x", "/a", "a/", "a//b", "a..b", "a/.b", "a.lock", "a.lock/b", "a.", "a@{1}", "a b", "a\n", "x" * 201, "a;b", 5],
)
def test_branches_that_git_or_a_shell_would_misread(value: Any) -> None:
    """A branch name reaches argv and refs."""
    assert "'branch'" in refusal(branch=value).problem


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("files", ["/etc/passwd"]),
        ("files", ["a/../../b"]),
        ("files", [""]),
        ("files", ["a\0b"]),
        ("files", "src/a.py"),
        ("command", []),
        ("command", ""),
        ("command", ["make", ""]),
        ("command", ["a\0b"]),
        ("command", {"run": "x"}),
        ("estimate", "15-25K"),
        ("estimate", -5),
        ("estimate", True),
        ("estimate", "٥K"),
        ("started_at", "2026-01-31T09:30:00"),
        ("started_at", "yesterday"),
        ("attempt", -1),
        ("phase", True),
        ("evidence", []),
        ("runtime", "--help"),
        ("depends_on", "MS-1"),
        ("description", None),
    ],
)
def test_values_of_the_wrong_kind(field: str, value: Any) -> None:
    """Nothing is bent until it fits."""
    assert f"field '{field}" in refusal(**{field: value}).problem


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("branch", "fix/security"),
        ("files", ["src/a.py", "docs/..hidden"]),
        ("command", ["make", "test"]),
        ("command", "make test && true"),
        ("estimate", 5000),
        ("estimate", "1.1M"),
        ("started_at", "2026-01-31T09:30:00Z"),
        ("completed_at", "2026-01-31T09:30:00.5+02:00"),
    ],
)
def test_values_that_are_right(field: str, value: Any) -> None:
    """And come out as they went in, figures as text."""
    kept = getattr(entry.validate({**SMALLEST, field: value}, source="x", position=1), field)
    assert kept == (str(value) if field == "estimate" else value)


@pytest.mark.parametrize(
    ("figure", "number"),
    [("5K", 5_000), ("5.2K", 5_200), ("5.2k", 5_200), ("1.1M", 1_100_000), ("750", 750), (750, 750), ("0", 0)],
)
def test_token_figures(figure: str | int, number: int) -> None:
    """Exactly the number that was written, without a float's crumbs."""
    assert tokens(figure) == number


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (1_000, "1K"), (5_200, "5.2K"), (5_249, "5.2K"), (999_949, "999.9K"), (999_950, "1M")],
)
def test_token_texts(number: int, text: str) -> None:
    """One decimal at most, and never 1000K."""
    assert tokens_text(number) == text


@given(st.integers(0, 10**11))
def test_token_texts_are_figures_again(number: int) -> None:
    """What the daemon writes it can read, within the half of the last digit that is shown."""
    step = 1 if number < 1_000 else 100 if number < 999_950 else 100_000
    assert abs(tokens(tokens_text(number)) - number) <= step / 2


def test_every_field_is_documented() -> None:
    """The JSON Schema is the reference of the format."""
    schema = Entry.model_json_schema()
    assert all(field.get("description") for field in schema["properties"].values())
    assert schema["required"] == ["id", "description"]
    assert schema["additionalProperties"] is True
