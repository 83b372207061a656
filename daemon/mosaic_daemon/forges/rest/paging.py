"""From one page of a listing to the next, never to another host."""

from __future__ import annotations

import re

import httpx

from mosaic_daemon.forges.rest.answers import Reply
from mosaic_daemon.ground.errors import Unavailable

_LINK = re.compile(r'<([^<>]*)>\s*;[^,]*\brel="?next"?', re.IGNORECASE)


def next_page(reply: Reply, *, counted: bool) -> str | None:
    """The address of the page after this one, or None at the end.

    Args:
        counted: a link only says that there is another page, its number is ours to raise: a forge behind a proxy may
            write links with an address that is not its own.

    Raises:
        Unavailable: the link leads to another host.
    """
    here = httpx.URL(reply.request.url)
    following = reply.headers.get("x-next-page", "").strip()
    if following.isdecimal():
        return str(here.copy_set_param("page", following))
    link = _LINK.search(reply.headers.get("link", ""))
    if link and counted:
        page = here.params.get("page", "1")
        return str(here.copy_set_param("page", int(page) + 1 if page.isdecimal() else 2))
    if link:
        there = joined(here, link[1])
        if there is None or not same_host(here, there):
            raise Unavailable(f"the next page is said to be on another host: {link[1]}", where=reply.request.line)
        return str(there)
    return None


def joined(here: httpx.URL, target: str) -> httpx.URL | None:
    """Where a link on that page leads; None when it is no address."""
    try:
        return here.join(target)
    except (httpx.InvalidURL, ValueError):
        return None


def same_host(here: httpx.URL, there: httpx.URL) -> bool:
    """Scheme, name and port are the same; a token may go to both or to neither."""
    return (here.scheme, here.host, _port(here)) == (there.scheme, there.host, _port(there))


def _port(url: httpx.URL) -> int:
    return url.port or {"http": 80, "https": 443}.get(url.scheme, 0)
