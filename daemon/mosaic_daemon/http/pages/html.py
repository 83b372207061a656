"""HTML made of elements. Whatever is not markup already becomes text: cleaned, without secrets, escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from mosaic_daemon.ground.secrets import redact
from mosaic_daemon.views.text import cleaned

_VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})


class Markup(str):
    """Text that is HTML already. Only this module makes it."""

    __slots__ = ()


Child = Any
"""Markup, something to be shown as text, a list of these, or None for nothing."""


def tag(name: str, /, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """An element. An underscore in an attribute's name is a hyphen, one at its end is left out; False and None leave
    the attribute out, True gives it no value."""
    shown = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{shown}>")
    return Markup(f"<{name}{shown}>{join(children)}</{name}>")


def join(children: Iterable[Child]) -> Markup:
    return Markup("".join(map(_child, children)))


def link(place: str, *children: Child, **attributes: str | None) -> Markup:
    """A link inside of the site; `place` is a path that was made by `path`."""
    return tag("a", *children, href=place, **attributes)


def path(*words: str | int, **query: str | int) -> str:
    """An absolute path of these words, each encoded whole."""
    asked = "&".join(f"{quote(name, safe='')}={quote(str(value), safe='')}" for name, value in query.items())
    return "/" + "/".join(quote(str(word), safe="") for word in words) + (f"?{asked}" if asked else "")


def _child(child: Child) -> str:
    match child:
        case Markup():
            return child
        case None:
            return ""
        case list() | tuple():
            return join(child)
        case _:
            return _text(child)


def _text(value: object) -> str:
    return html.escape(redact(cleaned(str(value))))


def _attribute(key: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{_text(value)}"'
