"""Front matter that holds findings: one that the file is about, or a list of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from mosaic_daemon.planning.finding import Remark
from mosaic_daemon.planning.reports import entries, fields, headline, inline
from mosaic_daemon.planning.reports.entries import Entry
from mosaic_daemon.planning.reports.fields import Field
from mosaic_daemon.planning.reports.headline import Headline
from mosaic_daemon.planning.reports.pages import Page

# Every scalar is a string for this loader: no dates, no octal line numbers, no `no` for a boolean.
_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_LISTS = ("findings", "issues", "vulnerabilities", "results", "items", "entries", "problems")
_MAX_CHARACTERS = 1024 * 1024
_MAX_DEPTH = 32
_MAX_ALIASES = 100


def loaded(text: str, page: Page) -> tuple[dict[str, Any], list[Remark]]:
    """The front matter's keys in lower case; a remark if it cannot be read."""
    try:
        if len(text) > _MAX_CHARACTERS:
            raise ValueError(f"it is longer than {_MAX_CHARACTERS:,} characters")
        _refuse_bombs(text)
        value = yaml.load(text, Loader=_Loader)  # noqa: S506  # it makes only plain values
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 2 if mark else 1
        why = getattr(error, "problem", None) or str(error).partition("\n")[0]
        return {}, [Remark(f"front matter cannot be read: {inline.plain(why)}", page.source(line))]
    if not isinstance(value, dict):
        return {}, []
    return {str(key).strip().lower().replace("_", " "): each for key, each in value.items()}, []


def _refuse_bombs(text: str) -> None:
    """Raise ValueError for what is nested too deeply, or says one thing over and over by aliases.

    Composing recurses in C: a deep stack ends the process. An alias of four characters may stand for all the text.
    """
    depth = aliases = 0
    for event in yaml.parse(text, Loader=_Loader):
        aliases += isinstance(event, yaml.AliasEvent)
        if aliases > _MAX_ALIASES:
            raise ValueError(f"it has more than {_MAX_ALIASES} aliases")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise ValueError(f"it is nested deeper than {_MAX_DEPTH} levels")


def listed(matter: dict[str, Any], page: Page) -> list[Entry]:
    """The findings of a list in front matter."""
    given = [each for key in _LISTS if isinstance(matter.get(key), list) for each in matter[key]]
    lines = _lines_of_values(page) if given else {}
    found = []
    for value in given:
        entry = _entry(value, lines, page)
        if entry.title and (entry.id or entry.claims):
            entry.is_full = True
            entry.body = _told(value)
            found.append(entry)
    return found


def _entry(value: Any, lines: dict[str, int], page: Page) -> Entry:
    if not isinstance(value, dict):
        text = value[:2000] if isinstance(value, str) else ""
        line = lines.get(text.partition("\n")[0].strip(), 1)
        return entries.built(headline.heading(text), [], page.source(line))
    keys = {str(name).strip().lower().replace("_", " "): each for name, each in value.items()}
    line = _line_of(keys, lines)
    return entries.built(Headline(), list(facts(keys, line)), page.source(line))


def is_finding(matter: dict[str, Any]) -> bool:
    """Whether the whole file is about one finding."""
    names = {fields.named(key) for key, value in matter.items() if isinstance(value, (str, int))}
    return "severity" in names or ("id" in names and bool(names & {"title", "place", "priority", "cvss"}))


def facts(matter: dict[str, Any], line: int) -> Iterator[Field]:
    """Keys that are known labels, as labelled facts."""
    for key, value in matter.items():
        name = fields.named(key)
        text = _text(value)
        if name and text:
            yield Field(name, text, line)


def _text(value: Any) -> str:
    """Scalars, lists of them, and places given as mappings, in the manner of prose."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list):
        return ", ".join(text for each in value[:1000] if not isinstance(each, list) and (text := _text(each)))
    if isinstance(value, dict):
        keys = {str(key).lower().replace("_", ""): each for key, each in value.items() if isinstance(each, str)}
        path = next((keys[key] for key in ("path", "file", "filename", "uri", "location") if key in keys), "")
        first = next(
            (keys[key] for key in ("line", "lines", "start", "startline", "linestart", "from") if key in keys), ""
        )
        last = next((keys[key] for key in ("end", "endline", "lineend", "to") if key in keys), "")
        return path + (f":{first}" if first else "") + (f"-{last}" if first and last else "") if path else ""
    return ""


def _told(value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    return inline.clean("\n".join(f"- {key}: {text}" for key, each in value.items() if (text := _text(each))))


def _lines_of_values(page: Page) -> dict[str, int]:
    """The first line of the front matter that each value stands on."""
    found: dict[str, int] = {}
    for at, line in enumerate(page.lines, 1):
        if at > 1 and line.rstrip() == "---":
            break
        value = line.strip().removeprefix("- ")
        found.setdefault(value.strip("\"' "), at)
        found.setdefault(value.partition(":")[2].strip("\"' "), at)
    return found


def _line_of(keys: dict[str, Any], lines: dict[str, int]) -> int:
    """The line with the entry's id, else with its title."""
    told = [keys[key].partition("\n")[0].strip() for key in ("id", "title", "name") if isinstance(keys.get(key), str)]
    return next((lines[value] for value in told if value in lines), 1)
