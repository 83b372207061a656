"""The guide's "Recovery": there is no docs/TASKS.md, so what is in the archive? It is reported; a person chooses."""

from __future__ import annotations

from mosaic_daemon.ground.layout import TABLE
from mosaic_daemon.planning import archives
from mosaic_daemon.planning.archives import FOLDER, SUFFIX
from mosaic_daemon.repository.clone import Clone

_SHOWN = 5


async def found(clone: Clone, base: str, released: str) -> str:
    """One line about the newest archive of the commit `base`; empty when it has a table, or no archive.

    `released`: the milestone that this daemon has released last; its archive is nothing that needs a person.
    """
    commits = clone.commits
    paths = [path for path in await commits.files(base, f"{FOLDER}/") if path.endswith(SUFFIX)]
    if not paths or await commits.read(base, TABLE) is not None:
        return ""
    newest = max([(await commits.committed_at((await commits.commits_of(base, path, 1))[0]), path) for path in paths])
    path = newest[1]
    archive = archives.parsed(path, await commits.read(base, path) or b"")
    if not archive.unfinished:
        return "" if released else f"there is no {TABLE}; {path} is archived, and all its {archive.rows} tasks are over"
    some = ", ".join(archive.unfinished[:_SHOWN])
    return (
        f"there is no {TABLE}, and the archived {path} has {len(archive.unfinished)} of {archive.rows} tasks that are "
        f"neither done nor deferred: {some}; `bootstrap --resume` goes on with them, "
        "`bootstrap REPORT_DIR --fresh` starts anew"
    )
