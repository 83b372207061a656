"""An attempt's folder: the names of its files, and the writes that decide something.

Everything goes through a descriptor of the folder, so that a moved or replaced path changes nothing, and no symlink is
followed. Used by the shim and the rail; imports stay light (see the package's docstring).
"""

# pathlib and contextlib would cost several milliseconds at every start of a worker.
# ruff: noqa: SIM105
from __future__ import annotations

import fcntl
import os

ORDER = "order.json"
LOCK = "lock"
PID = "pid.json"
STARTED = "started"
LOG = "output.log"
EXIT = "exit.json"
SHIM_ERROR = "shim-error.txt"

RESERVED_BYTES = 4096
DETAIL_CHARS = 500  # so that an exit record fits into what was reserved for it, even when every character is escaped

Record = dict[str, str | int | None]


class Home:
    """An open attempt folder.

    Raises:
        OSError: it does not exist, is no folder, or is a symlink.
    """

    __slots__ = ("fd", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)

    def __enter__(self) -> Home:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)

    def has(self, name: str) -> bool:
        """Whether anything lies under this name: a broken file counts, and so does a dangling symlink."""
        try:
            os.lstat(name, dir_fd=self.fd)
        except FileNotFoundError:
            return False
        return True

    def hold(self) -> bool:
        """Take the lock for the rest of this process's life; False when somebody has it."""
        fd = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600, dir_fd=self.fd)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        return True

    def held(self) -> bool:
        """Whether a shim lives.

        Ask only when `started` exists: asking takes the lock for an instant, and a shim that has not started its
        worker yet would give up.
        """
        try:
            fd = os.open(LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self.fd)
        except OSError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    def start_once(self) -> None:
        """Decide that this attempt has had its one start. Durable when it returns.

        Raises:
            FileExistsError: somebody decided before.
            OSError: it could not be made durable; nothing may be started.
        """
        fd = os.open(STARTED, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=self.fd)
        _sync_and_close(fd)
        os.fsync(self.fd)
        # The folder's own name must survive as well, or the attempt could be offered again after a power loss.
        _sync_and_close(os.open("..", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.fd))

    def create(self, name: str) -> int:
        """A new file to take this name later, by `publish`; returns its descriptor, for reading and writing."""
        self.discard(name)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        return os.open(_unpublished(name), flags, 0o600, dir_fd=self.fd)

    def publish(self, name: str) -> None:
        """Put the file that was created for this name in its place, whatever lies there."""
        os.rename(_unpublished(name), name, src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def discard(self, name: str) -> None:
        """Remove what was created and not published."""
        try:
            os.unlink(_unpublished(name), dir_fd=self.fd)
        except FileNotFoundError:
            pass

    def write(self, name: str, record: Record) -> None:
        """Replace a record at once as readers see it; not fsynced."""
        fd = self.create(name)
        try:
            os.write(fd, encode(record))
        finally:
            os.close(fd)
        self.publish(name)


class ExitRecord:
    """`exit.json`, with its disk space taken in advance: a worker that fills the disk cannot lose its own end.

    Raises:
        OSError: there is no space; better known before the worker starts.
    """

    __slots__ = ("_fd", "_home")

    def __init__(self, home: Home) -> None:
        self._home = home
        self._fd = home.create(EXIT)
        os.posix_fallocate(self._fd, 0, RESERVED_BYTES)

    def write(self, record: Record) -> None:
        """Publish the end; durable when it returns."""
        text = encode(record)
        os.pwrite(self._fd, text, 0)
        os.ftruncate(self._fd, len(text))
        _sync_and_close(self._fd)
        self._home.publish(EXIT)
        os.fsync(self._home.fd)


def encode(record: Record) -> bytes:
    """A flat record as one line of JSON, without the json module (see the package's docstring)."""
    return ("{" + ", ".join(f"{_quote(key)}: {_value(value)}" for key, value in record.items()) + "}\n").encode()


def one_line(text: str) -> str:
    """Text for people, without control characters and surrogates, and short enough for the exit record."""
    clean = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(char if char.isprintable() else " " for char in clean)[:DETAIL_CHARS]


def _value(value: str | int | None) -> str:
    if value is None:
        return "null"
    return _quote(value) if isinstance(value, str) else str(int(value))


def _quote(text: str) -> str:
    units = text.encode("utf-16-be", "replace")
    codes = [units[at] << 8 | units[at + 1] for at in range(0, len(units), 2)]
    return '"' + "".join(chr(c) if 32 <= c < 127 and c not in b'"\\' else f"\\u{c:04x}" for c in codes) + '"'


def _sync_and_close(fd: int) -> None:
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _unpublished(name: str) -> str:
    # Two daemons, or a daemon and a shim, may be at it at once.
    return f".{name}.{os.getpid()}"
