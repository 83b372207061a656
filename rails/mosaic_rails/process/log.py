"""The worker's output: its start and its end are kept, its middle is counted, and no secret of its environment stays.

While the worker runs, the file grows at its end and is now and then replaced by a shorter one that lacks some of the
middle; a reader that follows it must reopen it when its inode changes, as `tail -F` does. On disk it never takes more
than head + 2 * tail + 1 MiB, twice that while it is being replaced.
"""

from __future__ import annotations

import errno
import os
import time

from mosaic_rails.process.home import LOG, Home

_SECRET_NAMES = (b"KEY", b"TOKEN", b"SECRET", b"PASSWORD")
_SECRET_MIN_BYTES = 8
_SLACK_BYTES = 1 << 20
_RETRY_SEC = 1.0


class Redactor:
    """Replaces the values of variables whose names look like credentials by `[redacted:NAME]`.

    Works on a stream: what may be the start of a secret is held back until it is known to be none.
    """

    def __init__(self, env: dict[bytes, bytes]) -> None:
        self._names: dict[bytes, bytes] = {}
        for name, text in env.items():
            value = text.strip()
            if len(value) >= _SECRET_MIN_BYTES and any(word in name.upper() for word in _SECRET_NAMES):
                self._names[value] = self._names[_json_escaped(value)] = b"[redacted:" + name + b"]"
        self._secrets = sorted(self._names, key=len, reverse=True)
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """The next piece of output; returns what can be shown now."""
        data = self._held + data
        shown, cut = self._replace(data, self._hold(data, 0))
        self._held = data[cut:]
        return shown

    def end(self) -> bytes:
        """What was held back: no more output comes."""
        data, self._held = self._held, b""
        return self._replace(data, len(data))[0]

    def _replace(self, data: bytes, hold: int) -> tuple[bytes, int]:
        """Replace what starts before `hold`: the leftmost first, the longest of several at one place.

        Returns the text and where it ends in data: at `hold`, or later when a secret reaches further.
        """
        found = {secret: at for secret in self._secrets if (at := data.find(secret)) >= 0}
        shown: list[bytes] = []
        at = 0
        while found:
            secret = min(found, key=found.__getitem__)  # of equals the first, which is the longest
            if found[secret] >= hold:
                break
            shown += data[at : found[secret]], self._names[secret]
            at = found[secret] + len(secret)
            if at > hold:
                hold = self._hold(data, at)
            for each in [each for each, place in found.items() if place < at]:
                found[each] = data.find(each, at)
                if found[each] < 0:
                    del found[each]
        return b"".join((*shown, data[at:hold])), hold

    def _hold(self, data: bytes, begin: int) -> int:
        """Where the longest end of data[begin:] starts that is the start of a secret; its length: there is none."""
        hold = len(data)
        for secret in self._secrets:
            at = data.find(secret[:1], max(begin, len(data) - len(secret) + 1), hold)
            while at >= 0 and not secret.startswith(data[at:]):
                at = data.find(secret[:1], at + 1, hold)
            if at >= 0:
                hold = at
        return hold


class BoundedLog:
    """`output.log`: head, marker, tail.

    A full disk is no reason to stop: what cannot be written is counted, and writing is tried again.

    Attributes:
        received: bytes the worker printed.
        unwritten: bytes of the log that the disk would not take.
        error: why it would not, or empty.
    """

    def __init__(self, home: Home, head: int, tail: int, redactor: Redactor) -> None:
        self._home = home
        self._head = head
        self._tail = tail
        self._redactor = redactor
        self._size = 0
        self._dropped = 0
        self._tail_at = head
        self._gap = 0
        self._retry_at = 0.0
        self.received = 0
        self.unwritten = 0
        self.error = ""
        self._fd = home.create(LOG)
        home.publish(LOG)

    def write(self, data: bytes) -> None:
        self.received += len(data)
        self._put(self._redactor.feed(data))

    def close(self) -> None:
        """Bring the file into its last shape, on the disk as far as it takes it."""
        self._retry_at = 0.0
        self._put(self._redactor.end())
        try:
            if self._size > self._tail_at + self._tail:
                self._shorten()
            os.fdatasync(self._fd)
        except OSError as error:
            self.error = self.error or str(error.strerror)

    def _put(self, text: bytes) -> None:
        if self._retry_at and time.monotonic() < self._retry_at:
            self._miss(len(text))
            return
        missing = len(text)
        try:
            if self._size > self._tail_at + 2 * self._tail + _SLACK_BYTES:
                self._shorten()
            if self._gap:
                self._append(b"\n[mosaic: %d bytes could not be logged: %s]\n" % (self._gap, self.error.encode()))
                self._gap = 0
            before = self._size
            try:
                self._append(text)
            finally:
                missing -= self._size - before
            self._retry_at = 0.0
        except OSError as error:
            self.error = str(error.strerror)
            self._retry_at = time.monotonic() + _RETRY_SEC
            self._miss(missing)

    def _append(self, text: bytes) -> None:
        rest = memoryview(text)
        while rest:
            count = os.write(self._fd, rest)
            self._size += count
            rest = rest[count:]

    def _miss(self, count: int) -> None:
        self._gap += count
        self.unwritten += count

    def _shorten(self) -> None:
        """Replace the file by one that has only the newest part of what follows the head."""
        dropped = self._dropped + self._size - self._tail_at - self._tail
        marker = b"\n[mosaic: %d bytes dropped]\n" % dropped
        fd = self._home.create(LOG)
        try:
            _copy(self._fd, fd, 0, self._head)
            os.write(fd, marker)
            _copy(self._fd, fd, self._size - self._tail, self._tail)
            self._home.publish(LOG)
        except OSError:
            os.close(fd)
            self._home.discard(LOG)
            raise
        os.close(self._fd)
        self._fd = fd
        self._dropped = dropped
        self._tail_at = self._head + len(marker)
        self._size = self._tail_at + self._tail


def _copy(source: int, target: int, at: int, count: int) -> None:
    while count:
        copied = os.sendfile(target, source, at, count)
        if not copied:
            raise OSError(errno.EIO, "the log was cut from outside")
        at += copied
        count -= copied


def _json_escaped(value: bytes) -> bytes:
    """The value as agents print it inside their JSON events."""
    escaped = value.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    for raw, short in ((b"\n", b"\\n"), (b"\r", b"\\r"), (b"\t", b"\\t")):
        escaped = escaped.replace(raw, short)
    return escaped
