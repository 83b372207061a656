"""Templates: a person's own before the package's, and values that are only ever values."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mosaic_daemon.ground import templates
from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.tracking import table

NAME = "orchestrator/worker-prompt.md.template"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def put(folder: Path, text: str, name: str = NAME) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return folder


def test_the_first_place_that_has_it_wins(tmp_path: Path, home: Path) -> None:
    """The configured folder, the person's, the guide's, the package's."""
    assert "## Task Assignment: T-1" in templates.fill(NAME, {"id": "T-1"})
    put(home / "src/jarvis-brain/docs/templates", "guide ${id}")
    assert templates.fill(NAME, {"id": "T-1"}) == "guide T-1"
    put(home / ".config/mosaic/templates", "general ${id}")
    assert templates.fill(NAME, {"id": "T-1"}) == "general T-1"
    put(home / ".config/mosaic/templates/orchestrator", "mine ${id}")
    assert templates.fill(NAME, {"id": "T-1"}) == "mine T-1"
    assert templates.fill(NAME, {"id": "T-1"}, folder=tmp_path / "none") == "mine T-1"
    assert templates.fill(NAME, {"id": "T-1"}, folder=put(tmp_path / "set", "set ${id}")) == "set T-1"


def test_a_value_is_not_looked_into(tmp_path: Path) -> None:
    """What a task says of itself names no other variable."""
    folder = put(tmp_path / "set", "${a} $b ${unknown} $ $$ {a} ${not valid")
    values = {"a": "${b} $b \\1 ünï", "b": "secret"}
    assert templates.fill(NAME, values, folder=folder) == "${b} $b \\1 ünï secret ${unknown} $ $ {a} ${not valid"


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (".config/mosaic/templates/docs/PRD.md.template", "docs/PRD.md.template"),
        (".config/mosaic/templates/docs/DOCUMENTATION-CHECKLIST.md", "docs/DOCUMENTATION-CHECKLIST.md"),
        (".config/mosaic/templates/orchestrator/tasks.md.template", "orchestrator/tasks.md.template"),
        (".config/mosaic/templates/orchestrator/scratchpad.md.template", "scratchpad.md.template"),
        ("src/jarvis-brain/docs/templates/scratchpad.md.template", "scratchpad.md.template"),
        ("src/jarvis-brain/docs/templates/orchestrator/tasks.md.template", "orchestrator/tasks.md.template"),
    ],
)
def test_the_guides_own_paths_are_among_the_places(home: Path, place: str, name: str) -> None:
    put(home, "mine", place)
    assert templates.text(name) == "mine"


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("$A", "one"),
        ("${A}b$A.", "oneb" + "one."),
        ("$5, $$, $, 100$", "$5, $$, $, 100$"),
        ("a $ A ${ A} ${A:-x} $(A) $'A' ${}", "a $ A ${ A} ${A:-x} $(A) $'A' ${}"),
        ("$$A $${A} $$$A", "$A ${A} $$A"),
        ("$B", "${A} $A $$"),
        ("$ÄA", "$ÄA"),
    ],
)
def test_a_strict_form_leaves_alone_what_is_no_variable(tmp_path: Path, text: str, filled: str) -> None:
    folder = put(tmp_path / "set", text)
    values = {"A": "one", "B": "${A} $A $$"}
    assert templates.fill(NAME, values, folder=folder, strict=True) == filled


@pytest.mark.parametrize(
    ("text", "line", "remedy"),
    [
        ("$PROJECT", 1, "known are MILESTONE"),
        ("\n\nfor ${PROJECT} and $OTHER", 3, "known are MILESTONE"),
        ("$MILESTONE\r\n$MILESTNE", 2, "did you mean `MILESTONE`?; `$$MILESTNE` stands for the text `$MILESTNE`"),
    ],
)
def test_a_strict_form_names_the_variable_that_is_missing(tmp_path: Path, text: str, line: int, remedy: str) -> None:
    folder = put(tmp_path / "set", text)
    with pytest.raises(InputError, match=r"the variable `(PROJECT|MILESTNE)` has no value") as caught:
        templates.fill(NAME, {"MILESTONE": "0.0.1"}, folder=folder, strict=True)
    assert caught.value.where == f"{folder / NAME}:{line}"
    assert remedy in caught.value.remedy


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.sampled_from(["$", "$$", "$5", "{", "}", " ", "\n", "é", "${", "$(x)", "A"]), max_size=8))
def test_a_strict_form_without_variables_stays_as_it_is(tmp_path: Path, pieces: list[str]) -> None:
    text = "".join(pieces)
    folder = put(tmp_path / "set", text)
    if "$A" not in text and "${A" not in text:
        assert templates.fill(NAME, {}, folder=folder, strict=True) == text


def test_a_template_that_is_no_text(tmp_path: Path) -> None:
    file = put(tmp_path / "set", "") / NAME
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="cannot be read"):
        templates.fill(NAME, {}, folder=tmp_path / "set")


GUIDE = {
    "PROJECT": 'the "widget"',
    "MILESTONE": "0.0.1",
    "CURRENT_DATETIME": "2026-02-05T19:45:00+00:00",
    "TASK_PREFIX": "MS",
    "PHASE_ISSUE": "#1",
    "PHASE_BRANCH": "fix/security",
}


def test_the_shipped_table_is_one() -> None:
    filled = templates.fill("orchestrator/tasks.md.template", GUIDE, strict=True)
    assert filled.startswith("# Tasks\n")
    assert table.parse(filled, source="x").head


def test_a_value_in_json_stays_in_its_string() -> None:
    filled = templates.fill("orchestrator/orchestrator-learnings.json.template", GUIDE, strict=True)
    assert json.loads(filled)["project"] == 'the "widget"'
    assert json.loads(filled)["learnings"] == []


@pytest.mark.parametrize(
    "name",
    [
        "orchestrator/tasks.md.template",
        "orchestrator/orchestrator-learnings.json.template",
        "orchestrator/phase-issue-body.md.template",
        "orchestrator/compaction-summary.md.template",
        "orchestrator/worker-prompt.md.template",
        "orchestrator/review-prompt.md.template",
        "reports/review-report-scaffold.sh",
        "scratchpad.md.template",
        "docs/PRD.md.template",
        "docs/DOCUMENTATION-CHECKLIST.md",
    ],
)
def test_every_template_of_the_guide_is_shipped(name: str) -> None:
    assert templates.text(name).strip()


def test_the_scaffold_makes_an_empty_report_once(tmp_path: Path) -> None:
    script = tmp_path / "scaffold.sh"
    script.write_text(templates.text("reports/review-report-scaffold.sh"))
    for name, code in (("audit", 0), ("audit", 1), ("../audit", 2), ("--help", 2)):
        done = subprocess.run(["sh", script, name], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
    made = sorted(file.name for file in (tmp_path / "docs/reports/audit").iterdir())
    assert made[:2] == ["00-executive-summary.md", "01-security-review.md"]
    assert list((tmp_path / "docs/reports").iterdir()) == [tmp_path / "docs/reports/audit"]
