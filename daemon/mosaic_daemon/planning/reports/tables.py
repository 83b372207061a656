"""Tables with a finding in each row, told by their headers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mosaic_daemon.planning.finding import Leftover, Location
from mosaic_daemon.planning.reports import entries, fields, headline, ids, inline, severities
from mosaic_daemon.planning.reports.blocks import Block
from mosaic_daemon.planning.reports.fields import Field, Name
from mosaic_daemon.planning.reports.headline import Headline
from mosaic_daemon.planning.reports.pages import Context, Found, Page, placed, says_nothing

_NUMBER_SIGNS = {"#", "no", "no.", "nr", "nr.", "№", "num", "number", "sr", "s.no", "sl", ""}
_MOST_COLUMNS = 40


@dataclass(frozen=True, slots=True)
class _Columns:
    """What each column holds; None for one that tells nothing we know."""

    names: Sequence[Name | None]
    labels: Sequence[str]

    def has(self, *names: Name) -> bool:
        return any(name in self.names for name in names)


def scanned(table: Block, page: Page, context: Context) -> Found | None:
    """The findings of a table; None if it is a table of something else."""
    if len(table.children) < 2:
        return None
    columns = _columns(table)
    if not _is_of_findings(columns, table, context):
        return None
    found = Found()
    for row in table.children[1:]:
        _add_row(row, columns, (page, context, found), table.line)
    return found


def _columns(table: Block) -> _Columns:
    header, rows = table.children[0], table.children[1:]
    labels = [inline.plain(cell) for cell in header.cells[:_MOST_COLUMNS]]
    names = [fields.named(label) for label in labels]
    width = len(labels)
    for at in range(width):
        cells = [inline.plain(row.cells[at]) for row in rows if at < len(row.cells)]
        are_ids = _mostly(cells, lambda cell: ids.is_id(cell.strip("[]")))
        if are_ids and "id" not in names[:at]:
            names[at] = "id"
        elif names[at] is None and "severity" not in names and _mostly(cells, _is_severity):
            names[at] = "severity"
        elif labels[at].lower() in _NUMBER_SIGNS and not are_ids:
            names[at] = (
                "id" if at == 0 and _mostly(cells, lambda cell: bool(ids.stated(cell)) and " " not in cell) else None
            )
    if "id" not in names:
        for at in range(width):
            cells = [inline.plain(row.cells[at]) for row in rows if at < len(row.cells)]
            if _mostly(cells, ids.is_advisory) and {"title", "issue", "text"} & {*names[:at], *names[at + 1 :]}:
                names[at] = "id"
                break
    if "title" in names and names.count("title") + names.count("issue") > 1:
        names = ["text" if name == "issue" else name for name in names]
    return _Columns(names, labels)


def _is_of_findings(columns: _Columns, table: Block, context: Context) -> bool:
    if not columns.has("id", "title", "issue", "text"):
        return False
    if columns.has("id") and any(ids.stated(_cell(row, columns, "id")) for row in table.children[1:]):
        return True
    if not columns.has("title", "issue") and (not columns.has("place", "lines", "id") and _is_legend(columns, table)):
        return False
    return columns.has("severity", "risk", "cvss", "priority") or (
        context.claim is not None and columns.has("title", "issue", "place")
    )


def _is_legend(columns: _Columns, table: Block) -> bool:
    """A table that explains severities: each once, and nothing else."""
    stated = [severities.of_value(_cell(row, columns, "severity", "risk", "priority")) for row in table.children[1:]]
    return len(set(stated)) == len(stated)


def _add_row(row: Block, columns: _Columns, into: tuple[Page, Context, Found], block: int) -> None:
    page, context, found = into
    facts = [
        Field(name, cell, row.line)
        for name, cell in zip(columns.names, row.cells, strict=False)
        if name and not entries.is_blank(inline.plain(cell))
    ]
    line = _headline(facts)
    if not line.id and not line.title:
        return
    entry = entries.built(line, [each for each in facts if each.name not in ("title", "issue")], page.source(row.line))
    entry.block, entry.body = block, _body(row, columns)
    entry.places = entry.places or _places(facts, context)
    if says_nothing(entry.title) or entry.title.lower().startswith(("total", "sum")):
        entry.title = ""
        if not entry.id:
            return
    if entry.id or entry.claims or context.claim:
        found.entries.append(placed(entry, context))
    elif context.trust.name == "FULL":
        why = (
            f"its severity {entry.unknown!r} is not known and it has no id"
            if entry.unknown
            else "it has neither id nor severity"
        )
        found.leftovers.append(Leftover(entry.source, entry.title, why))


def _headline(facts: Sequence[Field]) -> Headline:
    """Id and title of a row. A cell for the title may hold id, severity and place as well."""
    title = fields.first(facts, "title", "issue", "text")
    said = headline.heading(title.value.replace("<br>", "\n").partition("\n")[0]) if title else Headline()
    if title and title.name == "text":
        said = headline.entry(title.value)
    stated = fields.first(facts, "id")
    if stated:
        own = headline.heading(stated.value)
        said.id = ids.stated(inline.plain(stated.value)) or said.id
        said.title = said.title or own.title if own.id else said.title
    said.is_marked = bool(said.id)
    return said


def _places(facts: Sequence[Field], context: Context) -> list[Location]:
    """Places out of prose cells, or lines of the file that headings name."""
    lines = fields.first(facts, "lines")
    if context.path and lines:
        return entries.places_of([Field("place", context.path, lines.line), lines])
    text = " ".join(each.value for each in facts if each.name in ("title", "issue", "text"))
    found = entries.text_places([Block("paragraph", 1, 1, text)])
    if lines and len(found) == 1:
        return entries.places_of([Field("place", found[0].path, lines.line), lines])
    return found


def _body(row: Block, columns: _Columns) -> str:
    pairs = zip(columns.labels, row.cells, strict=False)
    return inline.clean("\n".join(f"- {label or '#'}: {cell}" for label, cell in pairs if cell.strip()))


def _cell(row: Block, columns: _Columns, *names: Name) -> str:
    for name in names:
        if name in columns.names and (at := columns.names.index(name)) < len(row.cells):
            return inline.plain(row.cells[at])
    return ""


def _is_severity(cell: str) -> bool:
    return len(cell.split()) <= 3 and (severities.of_value(cell) or severities.of_dot(cell)) is not None


def _mostly(cells: Sequence[str], holds: Callable[[str], bool]) -> bool:
    return sum(map(holds, cells)) * 2 > len(cells)
