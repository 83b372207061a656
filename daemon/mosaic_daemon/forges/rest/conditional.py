"""Answers kept with their ETags, so that an unchanged read costs the forge little and GitHub's budget nothing."""

from __future__ import annotations

from collections import OrderedDict

from mosaic_daemon.forges.rest.answers import Reply

_ENTRIES = 500
_BYTES = 32 * 1024 * 1024


class Kept:
    """The last good answers by address; the least recently used go first."""

    def __init__(self, entries: int = _ENTRIES, size: int = _BYTES) -> None:
        self._replies: OrderedDict[str, Reply] = OrderedDict()
        self._entries = entries
        self._size = size
        self._held = 0

    def headers(self, url: str) -> dict[str, str]:
        """What a request has to carry to be answered `304` when nothing has changed."""
        kept = self._replies.get(url)
        return {"If-None-Match": kept.headers["etag"]} if kept else {}

    def keep(self, reply: Reply) -> None:
        if reply.status != 200 or not reply.headers.get("etag"):
            return
        url = reply.request.url
        self.forget(url)
        self._replies[url] = reply
        self._held += len(reply.text)
        while self._replies and (len(self._replies) > self._entries or self._held > self._size):
            self._held -= len(self._replies.popitem(last=False)[1].text)

    def unchanged(self, fresh: Reply) -> Reply | None:
        """The kept answer for a `304`, with its newer headers: a next page may have come up behind an unchanged one."""
        kept = self._replies.get(fresh.request.url)
        if kept is None:
            return None
        self._replies.move_to_end(fresh.request.url)
        return Reply(kept.request, kept.status, {**kept.headers, **fresh.headers}, kept.text)

    def forget(self, url: str) -> None:
        kept = self._replies.pop(url, None)
        if kept is not None:
            self._held -= len(kept.text)
