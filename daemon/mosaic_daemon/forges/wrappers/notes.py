"""What is kept of a gate beside its runs: a small JSON file each, which a person may mend."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mosaic_daemon.ground import atomicfile
from mosaic_daemon.ground.errors import InputError

_MAX_BYTES = 1 << 16


class Notes:
    """One file per gate: `change` (the pull request's number), `branch`, and `told`, by script the last run whose
    failure was reported.

    A failure that was reported may have been lost before anybody wrote it down; until it surely was, it is not `told`,
    and its script is not run again. It surely was when the next thing is asked: the gate records what it hears first.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._reported: dict[tuple[str, str], int] = {}

    def file(self, gate: str) -> Path:
        return self._folder / f"{gate}.json"

    def of(self, gate: str) -> dict[str, Any]:
        """Raises InputError: the file is not what it should be."""
        file = self.file(gate)
        try:
            kept = json.loads(atomicfile.read_untrusted(file, max_bytes=_MAX_BYTES))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise InputError(f"is not JSON: {error}", source=str(file), remedy="mend it or delete it") from None
        if not isinstance(kept, dict):
            raise InputError("is no JSON object", source=str(file), remedy="mend it or delete it")
        return kept

    def change(self, gate: str) -> str:
        """The pull request's number; empty when none is known."""
        found = str(self.of(gate).get("change", ""))
        return found if found.isdecimal() else ""

    def keep(self, gate: str, **facts: Any) -> None:
        known = self.of(gate)
        if known != (merged := {**known, **facts}):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            atomicfile.write(self.file(gate), json.dumps(merged, indent=2).encode() + b"\n")

    def told(self, gate: str, script: str) -> int:
        """The last run of this script whose failure somebody has heard of; 0: none."""
        kept = self.of(gate).get("told", {})
        number = kept.get(script, 0) if isinstance(kept, Mapping) else 0
        return number if isinstance(number, int) else 0

    def report(self, gate: str, script: str, run: int) -> None:
        """Its failure is about to be reported."""
        self._reported[gate, script] = run

    def settle(self) -> None:
        """Whatever was reported is written down by now."""
        for (gate, script), run in list(self._reported.items()):
            told = self.of(gate).get("told", {})
            self.keep(gate, told={**(told if isinstance(told, Mapping) else {}), script: run})
            del self._reported[gate, script]
