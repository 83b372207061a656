"""Files that are whole at every instant, and files that others wrote.

Writing: a temporary file in the same folder, fsync, rename, fsync of the folder; leaving any of it out lost data in
power-loss runs. A file that people edit too is published by exchange: the two names are swapped in one system call and
what came out is handed back, so that an edit made in the last microsecond is still there to be merged. A plain replace
would bury it.

Reading: a path may have become a symbolic link, a FIFO that never answers, a device, or two gigabytes.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import secrets
import stat
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mosaic_daemon.ground.errors import InputError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

PRIVATE = 0o600
MAX_SWAPPED_BYTES = 64 * 1024 * 1024

_AT_FDCWD = -100
_NOREPLACE, _EXCHANGE = 1, 2
_UNSUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
_LOCK_POLL_SEC = 0.02
_CHUNK = 1024 * 1024
_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}
_libc = ctypes.CDLL(None, use_errno=True)


def write(path: Path, data: bytes, mode: int = PRIVATE) -> None:
    """Replace the file as a whole and durably; it has exactly `mode` afterwards, whatever the umask says.

    Raises:
        Unavailable: the disk is full; the old file is untouched.
    """
    with _temporary(path, data, mode) as temporary:
        temporary.replace(path)
        _sync_folder(path.parent)


def exchange(path: Path, data: bytes, *, keep: Path | None = None) -> bytes | None:
    """Publish `data` at `path` and return what was there at that very instant, None if nothing was.

    The caller compares the returned bytes with those it had merged; when they differ, somebody's edit came in between
    and wants merging too. The mode of the old file stays. Where the file system cannot exchange names, the old
    bytes are read just before a plain replace: a short window remains.

    Args:
        path: the file that others edit as well.
        data: its new content.
        keep: where the old file goes instead of being deleted; on the same file system. Whoever still had it open
            for writing then loses nothing either.

    Raises:
        InputError: what is there is no ordinary file of ours; it stays.
        Unavailable: the disk is full; the old file is untouched.
    """
    with _temporary(path, data, _mode_of(path)) as temporary:
        try:
            present = _swap(temporary, path)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            return _replace(temporary, path, keep)
        if not present:
            _sync_folder(path.parent)
            return None
        try:
            old = _read(temporary, named=path, max_bytes=MAX_SWAPPED_BYTES)
        except BaseException:
            _rename(temporary, path, _EXCHANGE)
            raise
        _sync_folder(path.parent)
        _dispose(temporary, keep)
        return old


def leftovers(path: Path) -> tuple[Path, ...]:
    """Temporary files of `path` that a killed process left behind, oldest first.

    Each holds either data that was never published or, after an exchange, somebody's last version of the file. Read
    and merge them before deleting them. Only meaningful while holding the lock that the writers of `path` take.
    """
    found = path.parent.glob(f".{path.name}.*.tmp")
    return tuple(sorted(found, key=lambda each: each.lstat().st_mtime_ns))


def read_untrusted(path: Path, *, max_bytes: int) -> bytes:
    """Read an ordinary file of ours that somebody else may have put there; never waits, never follows a link.

    Raises:
        InputError: it is something else, belongs to another user, has further hard links, or is larger than allowed.
        FileNotFoundError: nothing is there; whether that is wrong is the caller's matter.
    """
    return _read(path, named=path, max_bytes=max_bytes)


@contextmanager
def locked(path: Path, *, timeout_sec: float) -> Iterator[None]:
    """Hold an exclusive flock on `path`, a file that is never replaced and stays empty. Blocks the thread.

    Shell tools join in with `flock PATH COMMAND`. The kernel frees the lock of a killed process.

    Raises:
        Unavailable: somebody else held it all the time; says who.
    """
    deadline = time.monotonic() + timeout_sec
    while (descriptor := _try_lock(path)) is None:
        if time.monotonic() >= deadline:
            holder = _lock_holder(path)
            raise Unavailable(
                f"locked by {holder} for more than {timeout_sec:g} s",
                where=str(path),
                remedy=f"let {holder} finish or end it, then try again",
            )
        time.sleep(_LOCK_POLL_SEC)
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _temporary(path: Path, data: bytes, mode: int) -> Iterator[Path]:
    """A durable file beside `path`. At the end it is removed, unless its name holds another file by then."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    own = os.fstat(descriptor).st_ino
    try:
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, mode)
                file.write(data)
                file.flush()
                os.fsync(descriptor)
        except OSError as error:
            if error.errno not in _DISK_FULL:
                raise
            raise Unavailable(
                "cannot be written, the disk is full", where=str(path), remedy="free some space; nothing was changed"
            ) from error
        yield temporary
    finally:
        with suppress(FileNotFoundError):
            if temporary.lstat().st_ino == own:
                temporary.unlink()


def _swap(temporary: Path, path: Path) -> bool:
    """Exchange the two names; False if `path` was free and is now the temporary file."""
    while True:
        with suppress(FileNotFoundError):
            _rename(temporary, path, _EXCHANGE)
            return True
        with suppress(FileExistsError):
            _rename(temporary, path, _NOREPLACE)
            return False


def _replace(temporary: Path, path: Path, keep: Path | None) -> bytes | None:
    try:
        old = _read(path, named=path, max_bytes=MAX_SWAPPED_BYTES)
    except FileNotFoundError:
        old = None
    if keep and old is not None:
        os.link(path, keep)
    temporary.replace(path)
    _sync_folder(path.parent)
    return old


def _dispose(temporary: Path, keep: Path | None) -> None:
    if keep is None:
        temporary.unlink()
    else:
        temporary.replace(keep)
        _sync_folder(keep.parent)


def _rename(source: Path, target: Path, flags: int) -> None:
    if not hasattr(_libc, "renameat2"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if _libc.renameat2(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), flags):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(source), None, str(target))


def _mode_of(path: Path) -> int:
    try:
        found = path.lstat().st_mode
    except FileNotFoundError:
        return PRIVATE
    return stat.S_IMODE(found) & 0o777 if stat.S_ISREG(found) else PRIVATE


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path, *, named: Path, max_bytes: int) -> bytes:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unreadable(path, named, error) from error
    try:
        _check_ownership(os.fstat(descriptor), named, max_bytes)
        return _read_capped(descriptor, named, max_bytes)
    finally:
        os.close(descriptor)


def _unreadable(path: Path, named: Path, error: OSError) -> InputError:
    kind = ""
    with suppress(OSError):
        kind = _KINDS.get(stat.S_IFMT(path.lstat().st_mode), "")
    problem = f"is {kind}, not an ordinary file" if kind else f"cannot be read: {error.strerror}"
    return InputError(problem, source=str(named))


def _check_ownership(status: os.stat_result, named: Path, max_bytes: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise InputError(f"is {kind}, not an ordinary file", source=str(named))
    if status.st_nlink > 1:  # 0: replaced by rename since it was opened, still whole
        raise InputError(f"has {status.st_nlink} hard links", source=str(named), remedy="replace it by a copy")
    if status.st_uid != os.geteuid():
        raise InputError(f"belongs to user {status.st_uid}, not to {os.geteuid()}", source=str(named))
    if status.st_size > max_bytes:
        raise _too_large(named, max_bytes)


def _read_capped(descriptor: int, named: Path, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := os.read(descriptor, _CHUNK):
        size += len(part)
        if size > max_bytes:
            raise _too_large(named, max_bytes)
        parts.append(part)
    return b"".join(parts)


def _too_large(named: Path, max_bytes: int) -> InputError:
    return InputError(f"is larger than {max_bytes:,} bytes", source=str(named))


def _try_lock(path: Path) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, PRIVATE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Somebody may have deleted and made the file anew: then this lock keeps nobody out.
        if os.fstat(descriptor).st_ino == path.stat().st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _lock_holder(path: Path) -> str:
    """Name the process that holds the flock, from /proc/locks; whoever it is need not have written anything."""
    with suppress(OSError, ValueError):
        inode = str(path.stat().st_ino)
        for line in Path("/proc/locks").read_text().splitlines():
            _, kind, _, _, pid, place, *_ = line.split()
            if kind == "FLOCK" and place.rpartition(":")[2] == inode:
                command = Path(f"/proc/{int(pid)}/comm").read_text().strip()
                return f"process {pid} ({command})"
    return "another process"
