"""`docs/tasks/estimates.json`: factors for the planner, written by `retro --apply` and by people, read by bootstrap.

{"version": 1, "factors": {"SECURITY_FIX": {"factor": 1.6, "samples": 7}}}
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from mosaic_daemon.ground import atomicfile, strictjson
from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.planning.planner.learned import NOTHING_LEARNED, Heuristics, Learned

ESTIMATES = "docs/tasks/estimates.json"
_MAX_BYTES = 1 << 20
_VERSION = 1
_REMEDY = "mend it or remove it; `retro --apply` makes a new one"


def read(root: Path) -> Heuristics:
    """What stands in the repository's file; nothing learnt when there is none.

    Raises:
        InputError: it cannot be read; the message names the place in it.
    """
    path = root / ESTIMATES
    try:
        return parsed(atomicfile.read_untrusted(path, max_bytes=_MAX_BYTES), source=str(path))
    except FileNotFoundError:
        return NOTHING_LEARNED


def parsed(data: bytes, *, source: str) -> Heuristics:
    """The file's text; raises InputError as `read` does."""
    document = strictjson.loads(data, source=source, max_bytes=_MAX_BYTES)
    if not isinstance(document, dict) or document.get("version") != _VERSION:
        raise InputError(f"has no `version` {_VERSION}", source=source, remedy=_REMEDY)
    try:
        return Heuristics(_adapter().validate_python(document.get("factors", {})))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, ("factors", *first["loc"])))
        raise InputError(f"`{where}`: {first['msg']}", source=source, remedy=_REMEDY) from error
    except InputError as error:
        raise InputError(error.problem, source=source, remedy=_REMEDY) from error


def write(root: Path, heuristics: Heuristics) -> None:
    """Replace the file.

    Raises:
        OSError: it cannot be written. InputError: it leads out of the repository by a symbolic link.
    """
    path = root / ESTIMATES
    if not path.parent.resolve().is_relative_to(root.resolve()):
        raise InputError("leads out of the repository by a symbolic link", source=str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    atomicfile.write(path, rendered(heuristics), mode=0o644)


def rendered(heuristics: Heuristics) -> bytes:
    """The file's text: the same factors give the same bytes."""
    return strictjson.dumps(
        {"version": _VERSION, "factors": _adapter().dump_python(dict(sorted(heuristics.by_type.items())))}
    )


@cache
def _adapter() -> TypeAdapter[dict[str, Learned]]:
    """Built when the first file is there: it takes a hundredth of a start of the daemon."""
    return TypeAdapter(dict[str, Learned])
