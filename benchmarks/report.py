"""A run as people read it, as JSON, and beside an earlier one."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure

VERSION = 1
_ROOT = Path(__file__).resolve().parent.parent
_MARKS = {True: "✓", False: "✗", None: " "}
_SIGNS = {"ms": " ms", "x": " ×", "requests": " req", "MB": " MB"}
_CHANGED = 0.15  # less than this between two runs says nothing on a machine that does other things as well


def document(figures: Iterable[Figure], *, quick: bool) -> dict[str, Any]:
    """One run: what was measured, where, and of which commit."""
    return {
        "version": VERSION,
        "commit": _git("rev-parse", "HEAD"),
        "modified": bool(_git("status", "--porcelain", "--", "daemon", "rails", "benchmarks")),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "machine": machine(),
        "figures": [figure.as_dict() for figure in figures],
    }


def machine() -> dict[str, Any]:
    """Where this runs: without it, absolute times mean nothing."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "file_system": _file_system(tempfile.gettempdir()),
        "git": _git("version").removeprefix("git version "),
        "load": round(os.getloadavg()[0], 2),
    }


def head(where: Mapping[str, Any]) -> str:
    return "{cores} cores, {python}, {system}, {file_system}, git {git}, load {load}".format(**where)


def lines(figure: Figure) -> str:
    """One figure: key, mark, goal, limit, ours, ratio; below it what it is and what it includes."""
    first = (
        f"{_MARKS[figure.is_met]} {figure.key:<14} goal {_text(figure.goal, figure.unit):>9}"
        f"  limit {_text(figure.limit, figure.unit):>9}  ours {_text(figure.ours, figure.unit):>9}"
        f"  ratio {_text(figure.ratio, 'x'):>7}"
    )
    peers = ", ".join(
        f"{name} {_text(value, figure.unit) if value is not None else 'not there'}"
        for name, value in figure.peers.items()
    )
    below = [figure.title, figure.limit_is and f"limit: {figure.limit_is}", figure.note, peers and f"peers: {peers}"]
    return "\n".join([first, *(f"    {line}" for line in below if line)])


def comparison(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Both runs, figure by figure; `!` and `+` mark what got slower or faster by more than noise."""
    old = {each["key"]: each for each in before["figures"]}
    rows = [f"{'':2}{'figure':<14} {'before':>10} {'now':>10} {'now/before':>11} {'limits':>7}"]
    for new in after["figures"]:
        was = old.get(new["key"])
        if was is None or not was["ours"] or new["ours"] is None:
            continue
        change, drift = new["ours"] / was["ours"], _quotient(new["limit"], was["limit"])
        mark = "! " if change > 1 + _CHANGED else "+ " if change < 1 - _CHANGED else "  "
        values = f"{_text(was['ours'], was['unit']):>10} {_text(new['ours'], new['unit']):>10}"
        rows.append(f"{mark}{new['key']:<14} {values} {change:>11.2f} {_text(drift, 'x'):>7}")
    where = f"{_named(before)} → {_named(after)}"
    return "\n".join([where, *_doubts(before, after), *rows])


def default_file(run: Mapping[str, Any]) -> Path:
    """Where a run is kept when nobody says otherwise: named by its time, then its commit."""
    moment = run["date"].partition("+")[0].replace(":", "")
    return _ROOT / "benchmarks" / "results" / f"{moment}-{run['commit'][:12]}.json"


def save(run: Mapping[str, Any], file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(run, indent=2, ensure_ascii=False) + "\n")


def _doubts(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Why times of these two runs may not be compared."""
    doubts = []
    if _place(before) != _place(after):
        doubts.append("not the same kind of machine: compare ratios, not times")
    if any(run["machine"]["load"] > run["machine"]["cores"] for run in (before, after)):
        loads = " and ".join(str(run["machine"]["load"]) for run in (before, after))
        doubts.append(f"the machine did other things as well (load {loads}): measure again when it is quiet")
    return doubts


def load(file: Path) -> dict[str, Any]:
    """An earlier run.

    Raises:
        ValueError: the file is none.
    """
    found = json.loads(file.read_text())
    if not isinstance(found, dict) or found.get("version") != VERSION:
        raise ValueError(f"{file} is not a version {VERSION} result of `python -m benchmarks --json`")
    return found


def _named(run: Mapping[str, Any]) -> str:
    return f"{run['commit'][:12] or 'no commit'}{'+' if run['modified'] else ''} of {run['date']}"


def _place(run: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(value for name, value in run["machine"].items() if name != "load")


def _quotient(one: float | None, other: float | None) -> float | None:
    return one / other if one and other else None


def _text(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    digits = 0 if value >= 100 or unit == "requests" else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}{_SIGNS[unit]}"


def _git(*args: str) -> str:
    done = subprocess.run(["git", *args], cwd=_ROOT, check=False, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def _file_system(path: str) -> str:
    """Type of the file system a path is on."""
    mounts: Sequence[Sequence[str]] = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    real = os.path.realpath(path)
    holding = [mount for mount in mounts if os.path.commonpath([mount[1], real]) == mount[1]]
    return max(holding, key=lambda mount: len(mount[1]))[2]
