"""The files of a report: which are read, which are only named, and which are refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mosaic_daemon.ground import atomicfile
from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.planning.finding import Remark, Source

MAX_BYTES = 32 * 1024 * 1024
_MARKDOWN = (".md", ".markdown")
_SARIF = (".sarif", ".sarif.json", ".json")
_ACCESS = "give yourself the right to read it"
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class File:
    """A file to read: its name relative to the report's folder, and its bytes, UTF-8 without a byte order mark."""

    name: str
    path: Path
    data: bytes

    @property
    def is_markdown(self) -> bool:
        return self.name.lower().endswith(_MARKDOWN)

    @property
    def text(self) -> str:
        """The text with lines that end in `\\n`."""
        return self.data.decode().replace("\r\n", "\n").replace("\r", "\n")


@dataclass(slots=True)
class Files:
    """The files of a report, in the order of their names, and remarks on those that are not read."""

    name: str
    read: list[File] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)


def found(path: Path, root: Path) -> Files:
    """The files of a report.

    Args:
        path: a folder or a file. root: of the repository.

    Raises:
        InputError: nothing is there, it is outside the repository, a link leads out of it, a file is too large, is no
            text or cannot be read, or there is nothing to read at all.
    """
    report, top = _inside(path, root)
    if report.is_file():
        result = Files(_stem(report.name))
        if not _is_readable(report.name):
            raise InputError("is no report", source=str(path), remedy="give a folder, a .md or a .sarif file")
        result.read.append(_read(report, report.name))
        return result
    result = Files(report.name)
    for each in _walked(report):
        name = each.relative_to(report).as_posix()
        target, _ = _inside(each, top, name=f"{path}/{name}", folder=report)
        if _is_readable(name):
            result.read.append(_read(target, name))
        else:
            result.remarks.append(Remark("is neither Markdown nor SARIF and was not read", Source(name, 1)))
    if not result.read:
        raise InputError("no report is in this folder", source=str(path), remedy="put .md or .sarif files into it")
    return result


def _inside(path: Path, root: Path, *, name: str = "", folder: Path | None = None) -> tuple[Path, Path]:
    """The path and the root without links.

    Raises:
        InputError: the path is not there, or leaves the root, or the folder if one is given.
    """
    shown = name or str(path)
    try:
        real, top = path.resolve(strict=True), root.resolve(strict=True)
    except FileNotFoundError:
        raise InputError("does not exist", source=shown, remedy="give the folder or file of a review report") from None
    except (OSError, RuntimeError, ValueError) as error:
        why = "a link leads in a circle" if isinstance(error, RuntimeError) else str(error)
        raise InputError(f"cannot be read: {why}", source=shown, remedy="give the report itself") from error
    if not real.is_relative_to(top):
        raise InputError(f"is outside of the repository {top}", source=shown, remedy="copy it into the repository")
    if folder is not None and not real.is_relative_to(folder):
        raise InputError("is a link that leaves the report's folder", source=shown, remedy="replace it by a copy")
    if not (real.is_file() or real.is_dir()):
        raise InputError("is neither a file nor a folder", source=shown)
    return real, top


def _walked(folder: Path) -> Iterator[Path]:
    """All files but hidden ones, by name, those of a folder before its inner folders; a link to a folder is a file."""

    def refuse(error: OSError) -> None:
        raise InputError(f"cannot be read: {error.strerror}", source=str(error.filename), remedy=_ACCESS) from error

    for parent, folders, names in os.walk(folder, onerror=refuse):
        linked = [name for name in folders if Path(parent, name).is_symlink()]
        folders[:] = sorted(name for name in folders if name not in linked and not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(names) if not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(linked))


def _read(path: Path, name: str) -> File:
    try:
        if (size := path.lstat().st_size) > MAX_BYTES:
            limit = f"is {size / 1e6:.0f} MB, larger than the {MAX_BYTES // 1024**2} MiB that are read"
            raise InputError(limit, source=str(path), remedy="split the report, or leave this file out")
        data = atomicfile.read_untrusted(path, max_bytes=MAX_BYTES)
    except FileNotFoundError:
        raise InputError("vanished while it was read", source=str(path), remedy="try again") from None
    data = data.removeprefix(_BOM)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError("is UTF-16, not UTF-8", source=str(path), remedy="save it as UTF-8")
    if (at := data.find(b"\0")) >= 0:
        raise InputError(
            "is a binary file",
            source=str(path),
            line_number=data.count(b"\n", 0, at) + 1,
            remedy="give Markdown or SARIF",
        )
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"byte 0x{data[error.start]:02x} is not UTF-8",
            source=str(path),
            line_number=line,
            remedy="save it as UTF-8",
        ) from None
    return File(name, path, data)


def _is_readable(name: str) -> bool:
    return name.lower().endswith((*_MARKDOWN, *_SARIF))


def _stem(name: str) -> str:
    for ending in (*_MARKDOWN, ".sarif.json", ".sarif", ".json"):
        if name.lower().endswith(ending):
            return name[: -len(ending)] or name
    return name
