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


def loaded(text: str, page: Page) -> tuple[dict[str, Any], list[Remark]]:
    """The front matter's keys in lower case; a remark if it cannot be read."""
    try:
        if len(text) > _MAX_CHARACTERS:
            raise ValueError(f"it is longer than {_MAX_CHARACTERS:,} characters")
        value = yaml.load(text, Loader=_Loader)  # noqa: S506  # a base loader makes strings, lists and mappings only
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 2 if mark else 1
        why = getattr(error, "problem", None) or str(error).partition("\n")[0]
        return {}, [Remark(f"front matter cannot be read: {inline.plain(why)}", page.source(line))]
    if not isinstance(value, dict):
        return {}, []
    return {str(key).strip().lower().replace("_", " "): each for key, each in value.items()}, []


def listed(matter: dict[str, Any], page: Page) -> list[Entry]:
    """The findings of a list in front matter."""
    found = []
    for key in _LISTS:
        for value in matter.get(key) or [] if isinstance(matter.get(key), list) else []:
            if isinstance(value, dict):
                keys = {str(name).strip().lower().replace("_", " "): each for name, each in value.items()}
                entry = entries.built(
                    Headline(), list(facts(keys, _line_of(keys, page))), page.source(_line_of(keys, page))
                )
            else:
                text = str(value)[:2000] if isinstance(value, str) else ""
                entry = entries.built(headline.heading(text), [], page.source(_line_with(text, page)))
            if entry.title and (entry.id or entry.claims):
                entry.is_full = True
                entry.body = entry.body or _told(value)
                found.append(entry)
    return found


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


def _line_of(keys: dict[str, Any], page: Page) -> int:
    """The line of the front matter that holds the entry's id, else its title."""
    told = next((keys[key] for key in ("id", "title", "name", "summary") if isinstance(keys.get(key), str)), "")
    return _line_with(told, page)


def _line_with(text: str, page: Page) -> int:
    word = text.partition("\n")[0].strip()
    return next((at for at, line in enumerate(page.lines[:20_000], 1) if word and word in line), 1)
