"""QA automation's reports in the person's checkout: `docs/reports/qa-automation/`, which git ignores.

They are the only files of a checkout that the daemon removes. It goes there folder by folder without following a
symbolic link, and leaves alone what git does not ignore: that is somebody's work.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import anyio

from mosaic_daemon.ground.git import environment

FOLDER = "docs/reports/qa-automation"
_PENDING, _ESCALATED, _ARCHIVE = f"{FOLDER}/pending", f"{FOLDER}/escalated", f"{FOLDER}/archive"
_SHOWN = 3
_Act = Callable[[int, str], None]
"""What is done to a report, by its open folder and its name in it."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """How many reports were removed or moved, and on a line each what could not be."""

    count: int = 0
    problems: tuple[str, ...] = ()


class QaReports:
    """`root`: the person's checkout."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def delete(self, findings: Iterable[str]) -> Cleaned:
        """Delete the pending reports of these findings."""
        return await self._each(findings, lambda folder, name: os.unlink(name, dir_fd=folder))

    async def escalate(self, findings: Iterable[str]) -> Cleaned:
        """Move the pending reports of these findings to `escalated/`; what is there already stays."""

        def move(folder: int, name: str) -> None:
            with _folder(self._root, _ESCALATED, make=True) as target:
                os.rename(name, _free(target, name), src_dir_fd=folder, dst_dir_fd=target)

        return await self._each(findings, move)

    async def archive(self, milestone: str) -> Cleaned:
        """Move all that is escalated to `archive/<milestone>/`; what is there already stays."""
        place = f"{_ARCHIVE}/{re.sub(r'[^A-Za-z0-9._-]+', '-', milestone).strip('.-') or 'milestone'}"

        def move(folder: int, name: str) -> None:
            with _folder(self._root, place, make=True) as target:
                os.rename(name, _free(target, name), src_dir_fd=folder, dst_dir_fd=target)

        return await self._act(lambda: self._below(_ESCALATED), move)

    async def _each(self, findings: Iterable[str], act: _Act) -> Cleaned:
        names = list(findings)
        return await self._act(lambda: self._matching(names), act)

    async def _act(self, find: Callable[[], list[str]], act: _Act) -> Cleaned:
        try:
            found = find()
            ignored = await self._ignored(found)
        except OSError as error:
            return Cleaned(0, (_told(error, FOLDER),))
        count, problems = 0, [f"{path} is not git-ignored: it was left alone" for path in found if path not in ignored]
        for path in (path for path in found if path in ignored):
            try:
                parent, name = str(PurePosixPath(path).parent), PurePosixPath(path).name
                with _folder(self._root, parent) as folder:
                    if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                        problems.append(f"{path} is a symbolic link: it was left alone")
                        continue
                    act(folder, name)
                count += 1
            except FileNotFoundError:
                pass  # somebody was quicker
            except OSError as error:
                problems.append(_told(error, path))
        more = (f"and {len(problems) - _SHOWN} more",) if len(problems) > _SHOWN else ()
        return Cleaned(count, (*problems[:_SHOWN], *more))

    def _matching(self, findings: list[str]) -> list[str]:
        """Paths of pending reports whose name, or a folder's above them, names one of the findings."""
        if not findings:
            return []
        # Between other letters and digits it would be another finding: SEC-1 is no part of SEC-10.
        names = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(map(re.escape, findings))})(?![A-Za-z0-9])")
        return [path for path in self._below(_PENDING) if names.search(path.removeprefix(_PENDING))]

    def _below(self, place: str) -> list[str]:
        """Paths of all files and symbolic links below a folder; none where there is no such folder."""
        found = []
        with suppress(FileNotFoundError), _folder(self._root, place) as opened:
            for folder, folders, files, _ in os.fwalk(".", dir_fd=opened):
                links = [each for each in folders if (self._root / place / folder / each).is_symlink()]
                found += [f"{place}/{PurePosixPath(folder) / name}" for name in (*files, *links)]
        return sorted(found)

    async def _ignored(self, paths: list[str]) -> frozenset[str]:
        """Which of them git ignores."""
        if not paths:
            return frozenset()
        command = ["git", "-C", str(self._root), "check-ignore", "-z", "--stdin"]
        done = await anyio.run_process(
            command, input=b"\0".join(map(os.fsencode, paths)), check=False, env=environment()
        )
        return frozenset(os.fsdecode(path) for path in done.stdout.split(b"\0") if path)


@contextmanager
def _folder(root: Path, path: str, *, make: bool = False) -> Iterator[int]:
    """A folder below `root`, opened step by step.

    Raises:
        OSError: it is not there, or a symbolic link stands in the way.
    """
    with ExitStack() as stack:
        here = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, here)
        for part in path.split("/"):
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=here)
            here = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            stack.callback(os.close, here)
        yield here


def _free(folder: int, name: str) -> str:
    """The name, or with a number where it is taken."""
    wanted, number = name, 1
    while True:
        try:
            os.stat(wanted, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return wanted
        number += 1
        wanted = f"{PurePosixPath(name).stem}.{number}{PurePosixPath(name).suffix}"


def _told(error: OSError, path: str) -> str:
    if isinstance(error, NotADirectoryError) or error.errno == errno.ELOOP:
        return f"{path}: a symbolic link or a file stands in the way, nothing was touched"
    return f"{path}: {error.strerror or error}"
