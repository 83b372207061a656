"""Kickstart files: the guide's sample, what people make of it, and where it says that one is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.planning import kickstart
from mosaic_daemon.planning.kickstart import Kickstart

SAMPLE = """\
## Mission
Remediate findings from the codebase review.

Security first.
## Setup
- Project: /srv/widget
- Review: docs/reports/audit/
- Quality gates: make lint && make test
- Milestone: M6-Fixes (for issue creation)
- Task prefix: MS (e.g., MS, UC)
## Protocol
Read ~/.config/mosaic/guides/ORCHESTRATOR.md for full instructions.
## Start
Bootstrap from the review report, then execute until complete.
"""
WHOLE = Kickstart(
    project=Path("/srv/widget"),
    review=Path("docs/reports/audit"),
    quality_gates="make lint && make test",
    milestone="M6-Fixes",
    prefix="MS",
    mission="Remediate findings from the codebase review.\n\nSecurity first.",
)


def setup(*lines: str) -> str:
    return "\n".join(("## Setup", *lines, ""))


def parsed(text: str) -> Kickstart:
    return kickstart.parse(text, source="kick.md")


def gates(line: str) -> str:
    return parsed(setup("- Project: p", "- Review: r", line)).quality_gates


def test_the_guides_sample() -> None:
    assert parsed(SAMPLE) == WHOLE


@pytest.mark.parametrize(
    "change",
    [
        ("\n", "\r\n"),
        ("- ", "* "),
        ("- Task prefix", "1. TASK-PREFIX"),
        ("- Quality gates:", "- **Quality gates:**"),
        ("- Quality gates:", "- **quality_gates**:"),
        ("make lint && make test", "`make lint && make test`"),
        ("make lint && make test", "make lint &&\n  make test"),
        (" make lint && make test", "\n\n  ```sh\n  # all of them\n  make lint\n  make test\n  ```"),
        ("- Project: /srv/widget\n", ""),
        ("## Setup\n", "\nSetup\n-----\n"),
        ("## ", "# "),
        ("## Mission", "## Continuation Mission:"),
        ("- Review", "- State: docs/TASKS.md (already populated)\n- Protocol: ~/guide.md\n- Review"),
        ("- Project: /srv/widget", "These are\nProject: /srv/widget\nand the rest is below: fine."),
    ],
)
def test_people_write_it_in_many_ways(change: tuple[str, str]) -> None:
    text = SAMPLE.replace(*change)
    assert text != SAMPLE
    if not change[1]:  # in another order
        text = text.replace("- Task prefix", "- project: /srv/widget\n- Task prefix")
    assert parsed(text) == WHOLE


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("- Quality gates: npm test (takes a while)", "npm test"),
        ("- Quality gates: make lint && (cd web && npm test)", "make lint && (cd web && npm test)"),
        ("- Quality gates: make lint ;  (cd web; npm test)", "make lint ;  (cd web; npm test)"),
        ("- Quality gates: `make test (all)` (slow)", "make test (all)"),
        ("- Quality gates: ``echo `date` ``", "echo `date`"),
        ("- Quality gates: `a` and `b` (both)", "a` and `b"),
        ("- Quality gates: ```a`", "```a`"),
        ("- Quality gates: ``", "``"),
        ("- Quality gates: ` " + "a  " * 1_200 + "x", "` " + "a  " * 1_200 + "x"),
        ("- Quality gates: " + "`" * 4_000 + "x", "`" * 4_000 + "x"),
        ("- Quality gates: awk '{print}' a: b", "awk '{print}' a: b"),
        ("- Quality gates: cp a{b,c} ${HOME}", "cp a{b,c} ${HOME}"),
    ],
)
def test_a_command_stays_as_it_is(line: str, value: str) -> None:
    assert gates(line) == value


def test_only_project_and_review_have_no_default() -> None:
    assert parsed(setup("- Project: p", "- Review: r")) == Kickstart(Path("p"), Path("r"))


@pytest.mark.parametrize(
    ("text", "where", "problem", "remedy"),
    [
        ("", "kick.md", "has no section `## Setup`", "write one"),
        ("x\n\n## Setup\n- Project: p\n", "kick.md:3", "`review` is missing", "add `- Review: …`"),
        (setup("- Review: r"), "kick.md:1", "`project` is missing", "add `- Project: …`"),
        (setup("- Project: p", "- Review: r", "- Milstone: x"), "kick.md:4", "`milstone`", "mean `milestone`?"),
        (setup("- Colour: red"), "kick.md:2", "unknown key `colour`", "known are project, review, quality gates"),
        (setup("- Project: p", "* PROJECT: q"), "kick.md:3", "`project` is given twice, first in line 2", ""),
        (setup("- Project:", "- Review: r"), "kick.md:2", "`project` has no value", ""),
        (setup("- Project: p", "- Review: docs/reports/{report-name}/"), "kick.md:3", "`{report-name}`", "your own"),
        (setup("- Project: p", "- Review: r", "- Quality gates: {command}"), "kick.md:4", "`{command}`", "your own"),
        (setup("- Project: p", "- the report is in docs"), "kick.md:3", "is no entry", "write `- Key: value`"),
        (setup("- Project: p", "- Review: r", "- Task prefix: M S"), "kick.md:4", "'M S' cannot begin a task id", ""),
        (setup(f"- Project: {'x' * 5000}"), "kick.md:2", "longer than 4096", ""),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, where: str, problem: str, remedy: str) -> None:
    with pytest.raises(InputError) as caught:
        parsed(text)
    assert caught.value.where == where
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy


@given(st.text(st.sampled_from("#->`*:{}() \n\tPprojectReviw"), max_size=200) | st.text(max_size=200))
def test_whatever_stands_there_is_read_or_refused(text: str) -> None:
    for whole in (text, f"## Setup\n{text}", SAMPLE + text):
        try:
            parsed(whole)
        except InputError as error:
            assert error.where.startswith("kick.md")  # noqa: PT017


class TestFiles:
    def test_a_relative_project_is_beside_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = tmp_path / "kick.md"
        file.write_text("\ufeff" + setup("- Project: ../widget", "- Review: r"))
        assert kickstart.read(file).project == tmp_path / "../widget"
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        file.write_text(setup("- Project: ~/widget", "- Review: ~/r"))
        assert kickstart.read(file) == Kickstart(tmp_path / "home/widget", tmp_path / "home/r")

    @pytest.mark.parametrize(
        ("content", "problem"),
        [(None, "no such file"), (b"\xff\xfe#", "not UTF-8"), (b"x" * (1 << 19), "larger than")],
    )
    def test_one_that_cannot_be_read(self, tmp_path: Path, content: bytes | None, problem: str) -> None:
        file = tmp_path / "kick.md"
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(InputError, match=problem):
            kickstart.read(file)
