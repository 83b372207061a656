"""`docs/TASKS.md`: the text is people's, the rows say what they should, and every cell survives."""

from __future__ import annotations

import html
import re
from operator import itemgetter

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.tracking import table
from mosaic_daemon.tracking.entry import Problem
from mosaic_daemon.tracking.table import COLUMNS

HEADER = (
    "| id | status | description | issue | repo | branch | depends_on | blocks | agent | started_at | completed_at \
| estimate | used | notes |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n"
)
GUIDE = (
    "# Tasks\n\n"
    + HEADER
    + "| MS-SEC-001 | not-started | SEC-API-1: Brief | #1 | api | fix/security | | MS-SEC-002 | | | | 8K | | |\n"
    + "| MS-SEC-002 | not-started | SEC-API-2: Other | #1 | api | fix/security | MS-SEC-001 | | | | | 8K | | |\n"
)
CELL = st.text(st.characters(exclude_categories=["Cs"]))
NASTY = st.text(st.sampled_from("\\|<br>/ &#1;0\n\r\t`*\x00\x85\u2028é"))
LINES = st.sampled_from(
    [
        "",
        "text",
        "| a | b |",
        "|---|---|",
        "```",
        "~~~~",
        "<!--",
        "-->",
        "# Tasks",
        "|",
        "\\|",
        HEADER.rstrip("\n"),
        "|A-1|done|  x  | | | | | | | | | | | |",
        "  | A-2 | done | x \\| y<br>z | | | | | | | | | | | |  ",
        "| A-3 | too | short |",
        "A-4 | done | no outer pipes | | | | | | | | | | |",
        "| a b | bad id | | | | | | | | | | | | |",
    ]
)
TEXTS = st.builds(lambda before, behind: "\n".join([*before, HEADER, *behind]), st.lists(LINES), st.lists(LINES))


def row(name: str, **cells: str) -> dict[str, str]:
    return {**dict.fromkeys(COLUMNS, ""), "id": name, **cells}


def parse(text: str) -> table.Table:
    return table.parse(text, source="TASKS.md")


def cells_of(parsed: table.Table) -> list[dict[str, str]]:
    return [dict(each.cells) for each in parsed.rows]


def ids_of(text: str) -> list[str]:
    return [each["id"] for each in cells_of(parse(text))]


@given(CELL | NASTY)
@example("a\\|b")
@example("\\")
@example(" ")
@example("<br>\\<br>\\\\<BR/>&#10;\\&#10;")
def test_every_text_survives_in_a_cell(text: str) -> None:
    """Encoded, it is one line without a bare pipe or outer space; decoded, it is what it was."""
    cell = table.encode_cell(text)
    assert table.decode_cell(cell) == text
    assert cell == cell.strip(" \t")
    assert len(cell.splitlines()) <= 1
    assert all(len(slashes) % 2 for slashes in re.findall(r"(\\*)\|", cell))


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("a | b", "a \\| b"),
        ("`a|b`", "`a\\|b`"),
        ("one\ntwo", "one<br>two"),
        ("a <br> tag", "a \\<br> tag"),
        ("C:\\new \\*x\\*", "C:\\new \\*x\\*"),
        ("\\\\server", "\\\\\\server"),
        ("\\|", "\\\\\\|"),
        ("ends with \\", "ends with \\\\"),
        (" x ", "&#32;x&#32;"),
        ("a\r\nb", "a&#13;<br>b"),
        ("a\x1b[31m", "a&#27;[31m"),
        ("&#13; &amp; <b>", "\\&#13; &amp; <b>"),
        ("ü — 好 😀", "ü — 好 😀"),
    ],
)
def test_cells_look_sensible(text: str, cell: str) -> None:
    """Markdown stays Markdown; only what a table cannot hold is changed."""
    assert table.encode_cell(text) == cell


@pytest.mark.parametrize(
    ("cell", "text"),
    [("a<br/>b<BR>c<br />d", "a\nb\nc\nd"), ("a&#124;b", "a|b"), ("&#1114112; &#55296;", "&#1114112; &#55296;")],
)
def test_cells_that_people_type(cell: str, text: str) -> None:
    """Other spellings of the same marks are understood, numbers of no character are text."""
    assert table.decode_cell(cell) == text


@pytest.mark.parametrize(
    "text", ["a | b", "`a|b`", "a <br> b", " x ", "&#13;", "x\\", "\\\\server", "a\\*b", "```", "é"]
)
def test_a_markdown_renderer_agrees(text: str) -> None:
    """14 cells, the right one filled, and escaped text shown as the text that it is."""
    rendered = table.render(parse(""), [row("A-1", description=text)])
    shown = MarkdownIt("gfm-like", {"linkify": False}).render(rendered)
    cells = re.findall(r"<td>(.*?)</td>", shown, re.DOTALL)
    assert len(cells) == 14
    visible = html.unescape(re.sub(r"</?code>", "`", cells[2]))
    assert visible.strip() == text.replace("\\*", "*").strip()


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS[1:], CELL | NASTY)), max_size=4), st.booleans())
def test_rows_come_back_as_they_were_written(contents: list[dict[str, str]], is_crlf: bool) -> None:
    """Whole rows, in order, in files of either line end."""
    rows = [row(f"A-{number}", **cells) for number, cells in enumerate(contents)]
    text = table.render(parse("Intro.\r\n" if is_crlf else ""), rows)
    parsed = parse(text)
    assert cells_of(parsed) == rows
    assert parsed.problems == ()
    if is_crlf:
        assert text.count("\n") == text.count("\r\n")
    assert table.render(parsed, rows) == text


@given(TEXTS, st.sampled_from(["\n", "\r\n"]))
def test_a_text_whose_rows_are_right_stays_byte_for_byte(text: str, newline: str) -> None:
    """Whatever stands around, between and inside the rows."""
    text = text.replace("\n", newline)
    parsed = parse(text)
    assume(parsed.head)
    assert table.render(parsed, cells_of(parsed)) == text


@given(TEXTS, st.sets(st.sampled_from(["A-1", "A-2", "A-4", "B-1", "B-2"])))
def test_any_text_can_be_made_to_show_any_tasks(text: str, names: set[str]) -> None:
    """Afterwards its rows are the wanted ones, and every line that was no row is still there, in order."""
    before = parse(text)
    assume(before.head)
    wanted = [row(name, description="new | text") for name in sorted(names)]
    after = parse(table.render(before, wanted))
    assert sorted(cells_of(after), key=itemgetter("id")) == [
        each for each in wanted if each["id"] not in before.unreadable
    ]
    shown = {each.cells["id"] for each in before.rows}
    repeated = {each.line for each in before.problems if each.task in shown and each.task not in names}
    were_rows = {each.line for each in before.rows} | repeated
    others = [line.rstrip("\n") for number, line in enumerate(before.lines, 1) if number not in were_rows]
    are_rows = {each.line for each in after.rows}
    assert [line.rstrip("\n") for number, line in enumerate(after.lines, 1) if number not in are_rows] == others


def test_the_guides_table() -> None:
    """As the guide writes it, empty cells included."""
    first, second = parse(GUIDE).rows
    assert (first.line, second.line) == (5, 6)
    assert first.cells == row(
        "MS-SEC-001",
        status="not-started",
        description="SEC-API-1: Brief",
        issue="#1",
        repo="api",
        branch="fix/security",
        blocks="MS-SEC-002",
        estimate="8K",
    )
    assert table.render(parse("# Tasks\n\n" + HEADER), cells_of(parse(GUIDE))) == GUIDE


def test_only_the_row_that_changed_is_rewritten() -> None:
    """The others keep the spacing that somebody gave them."""
    aligned = GUIDE.replace("| MS-SEC-001 |", "|   MS-SEC-001   |").replace("| MS-SEC-002 | not", "|MS-SEC-002|  not")
    rows = cells_of(parse(aligned))
    rows[1]["status"] = "done"
    lines, changed = aligned.splitlines(), table.render(parse(aligned), rows).splitlines()
    assert changed[:5] == lines[:5]
    assert changed[5].startswith("| MS-SEC-002 | done | SEC-API-2: Other |")


def test_a_changed_row_keeps_its_line_end() -> None:
    """CRLF files stay CRLF."""
    text = GUIDE.replace("\n", "\r\n")
    rendered = table.render(parse(text), [{**each, "status": "done"} for each in cells_of(parse(text))])
    assert rendered == GUIDE.replace("not-started", "done").replace("\n", "\r\n")


def test_pairs_of_backslashes_do_not_escape_a_pipe() -> None:
    """As forges read it: `\\\\|` is a backslash and the cell's end, `\\\\\\|` a backslash and a pipe."""
    (only,) = parse(HEADER + "|A-1|done|x\\\\|#1\\\\\\|2| | | | | | | | | | |\n").rows
    assert (only.cells["description"], only.cells["issue"]) == ("x\\", "#1\\|2")


def test_a_new_row_follows_the_one_before_it() -> None:
    """And what stands behind the table stays behind it."""
    text = GUIDE + "\nNotes of people.\n"
    first, second = cells_of(parse(text))
    rendered = table.render(parse(text), [row("A-0"), first, row("A-1"), row("A-2"), second, row("A-3")])
    assert ids_of(rendered) == ["A-0", "MS-SEC-001", "A-1", "A-2", "MS-SEC-002", "A-3"]
    assert rendered.endswith("| A-3 | | | | | | | | | | | | | |\n\nNotes of people.\n")


def test_a_row_can_be_added_to_a_file_without_final_newline() -> None:
    """It does not end up on the line of another."""
    text = GUIDE.rstrip("\n").replace("\n", "\r\n")
    rendered = table.render(parse(text), [*cells_of(parse(text)), row("A-1")])
    assert rendered == text + "\r\n| A-1 | | | | | | | | | | | | | |\r\n"


def test_rows_that_are_not_wanted_go() -> None:
    """With their whole line, and nothing else."""
    assert table.render(parse(GUIDE + "\nEnd."), []) == "# Tasks\n\n" + HEADER + "\nEnd."


def test_a_missing_table_is_appended() -> None:
    """After what is there, in its line ends; the text of a caller's template comes along."""
    assert table.render(parse(""), []) == "# Tasks\n\n" + HEADER
    assert table.render(parse("Hello"), []) == "Hello\n\n# Tasks\n\n" + HEADER
    template = "# Tasks of X\n\n" + HEADER + "\nSigned.\n"
    rendered = table.render(parse("Hello\r\n"), [row("A-1")], template=template)
    assert rendered.startswith("Hello\r\n\r\n# Tasks of X\r\n\r\n| id |")
    assert rendered.endswith("| A-1 | | | | | | | | | | | | | |\r\n\r\nSigned.\r\n")


def test_a_template_without_table_is_refused() -> None:
    """It could not hold a row, and the next time it would be appended again."""
    with pytest.raises(InputError, match="template has no task table"):
        table.render(parse(""), [row("A-1")], template="# Tasks\n")


@pytest.mark.parametrize("opening", ["```python", "~~~", "<!-- hidden"])
def test_nothing_is_appended_into_an_open_block(opening: str) -> None:
    """Nobody would see the table, and it would be appended again and again."""
    with pytest.raises(InputError) as caught:
        table.render(parse(f"Hello\n{opening}\nx"), [row("A-1")])
    assert caught.value.where == "TASKS.md:2"


@pytest.mark.parametrize(
    "header",
    [
        "| ID | Status | Description | Issue | Repo | Branch | Depends On | Blocks | Agent | Started at | "
        "completed-at | Estimate | Used | Notes |",
        "|id|status|description|issue|repo|branch|depends_on|blocks|agent|started_at|completed_at|estimate|used|notes",
    ],
)
def test_the_header_may_be_spelt_freely(header: str) -> None:
    """Case, spaces and the outer pipe do not matter, nor does the alignment."""
    text = f"{header}\n{'| :--: ' * 14}|\n| A-1 | | | | | | | | | | | | | |\n"
    assert ids_of(text) == ["A-1"]


@pytest.mark.parametrize(
    "around",
    ["```\n{}```\n", "~~~ md\n{}~~~~\n", "````\n```\n{}````\n", "<!--\n{}-->\n", "<!-- a -- b\n{} x --> y\n"],
)
def test_look_alikes_in_code_and_comments_are_text(around: str) -> None:
    """An example of the table is not the table."""
    example_table = around.format(GUIDE.replace("MS-SEC", "EXAMPLE"))
    assert ids_of(example_table) == []
    assert ids_of(example_table + GUIDE) == ["MS-SEC-001", "MS-SEC-002"]
    assert ids_of(GUIDE + example_table) == ["MS-SEC-001", "MS-SEC-002"]


def test_other_tables_are_text() -> None:
    """Before the task table and behind it, even if their rows look like tasks."""
    other = "| id | what |\n|---|---|\n| X-1 | y |\n"
    wide = "| " + " | ".join("abcdefghijklmn") + " |\n" + "|---" * 14 + "|\n" + "| X-2 " + "| " * 13 + "|\n"
    text = f"{other}\n{wide}\n{GUIDE}\n{other}\n{wide}"
    parsed = parse(text)
    assert [each["id"] for each in cells_of(parsed)] == ["MS-SEC-001", "MS-SEC-002"]
    assert parsed.problems == ()


def test_a_table_in_several_parts() -> None:
    """Blank lines, headings and a repeated header between rows hide no task."""
    first, second = GUIDE.splitlines(keepends=True)[-2:]
    assert ids_of("# Tasks\n\n" + HEADER + first + "\n" + second) == ["MS-SEC-001", "MS-SEC-002"]
    assert ids_of(HEADER + first + "\n## Phase 2\n\n" + HEADER + second) == ["MS-SEC-001", "MS-SEC-002"]
    assert ids_of(HEADER + first + HEADER + second) == ["MS-SEC-001", "MS-SEC-002"]
    assert ids_of(HEADER + first + "|---" * 14 + "|\n" + second) == ["MS-SEC-001", "MS-SEC-002"]


def test_damaged_rows_are_named_and_kept() -> None:
    """Each with its line; a task whose row is damaged is neither gone nor given a second row."""
    damaged = (
        "| MS-SEC-003 | not-started | a cell too few | | | | | | | | | | |\n"
        "| ../../x | done | | | | | | | | | | | | |\n"
        "| MS-SEC-001 | done | again | | | | | | | | | | | |\n"
        "MS-SEC-004 | lost its pipes | and cells |\n"
        "| MS-SEC-005 | an unescaped | pipe | | | | | | | | | | | | |\n"
    )
    parsed = parse(GUIDE + damaged + "Text.\n")
    assert parsed.problems == (
        Problem("has 13 cells instead of 14", 3, task="MS-SEC-003", line=7),
        Problem("has an id that is none: '../../x'", 4, task="", line=8),
        Problem("has the id 'MS-SEC-001' of an earlier row", 5, task="MS-SEC-001", line=9),
        Problem("has 3 cells instead of 14", 6, task="MS-SEC-004", line=10),
        Problem("has 15 cells instead of 14", 7, task="MS-SEC-005", line=11),
    )
    assert parsed.unreadable == {"MS-SEC-003", "MS-SEC-004", "MS-SEC-005"}
    rows = [*cells_of(parsed), row("MS-SEC-003"), row("MS-SEC-006")]
    rendered = table.render(parsed, rows)
    assert damaged in rendered
    assert ids_of(rendered) == ["MS-SEC-001", "MS-SEC-002", "MS-SEC-006"]
