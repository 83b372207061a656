"""Reading a review report, whatever it is made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.planning.finding import Leftover, Remark, Report, Source
from mosaic_daemon.planning.reports import counts, files, markdown, merging, sarif
from mosaic_daemon.planning.reports.entries import Entry
from mosaic_daemon.planning.reports.files import File
from mosaic_daemon.planning.reports.markdown import Document


def read(path: Path, *, root: Path) -> Report:
    """Read a report. One without findings is returned with what was left over: judging that is the caller's matter.

    Args:
        path: a folder, read with all inside of it, or a single file: Markdown or SARIF 2.1.0.
        root: of the repository; the report has to be in it.

    Raises:
        InputError: the report is not there, outside of the repository, too large, binary, or cannot be read; with the
            file, and the line where there is one.
    """
    given = files.found(path, root)
    documents: list[Document] = []
    entries: list[Entry] = []
    leftovers: list[Leftover] = []
    remarks = list(given.remarks)
    for file in given.read:
        if file.is_markdown:
            document = markdown.read(file.name, file.text)
            documents.append(document)
            entries += document.found.entries
            leftovers += document.found.leftovers
            remarks += document.remarks
        elif file.name.lower().endswith(".json") and not sarif.is_sarif(file.data):
            _refuse_alone(path, len(given.read))
            remarks.append(Remark("is JSON, but not SARIF, and was not read", Source(file.name, 1)))
        else:
            results = sarif.read(file.name, file.path, file.data, root)
            entries += results.entries
            remarks += results.remarks
    _drop_own_files(entries, given.read, root)
    order = [file.name for file in given.read]
    result = merging.merged(entries, order, [each.page.file for each in documents if each.is_summary])
    remarks += result.remarks
    remarks += counts.checked(documents, result.findings)
    return Report(given.name, tuple(result.findings), (*leftovers, *result.leftovers), tuple(remarks))


def _refuse_alone(path: Path, count: int) -> None:
    if count == 1:
        raise InputError("is JSON, but not SARIF", source=str(path), remedy="give Markdown or SARIF 2.1.0")


def _drop_own_files(entries: list[Entry], read: list[File], root: Path) -> None:
    """Paths become relative to the repository. `See 01-security.md` is no place: a finding is not in its report."""
    top = root.resolve()
    prefix = f"{top}/".lstrip("/")
    own = {
        name
        for file in read
        for name in (file.name, file.name.rpartition("/")[2], file.path.relative_to(top).as_posix())
    }
    for entry in entries:
        within = [replace(place, path=place.path.removeprefix(prefix)) for place in entry.places]
        entry.places = [place for place in within if place.path not in own]
