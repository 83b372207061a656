"""What the repository's owner wants of every review."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mosaic_daemon.nouns.review import Aspect

_PLACEHOLDER = re.compile(r"(?<!\$)\{(base_branch|output|task_id|branch|head_sha|worktree)\}")


@dataclass(frozen=True, slots=True)
class ReviewPolicy:
    """Attributes:
    mode: `auto`: reviewed where a reviewer is found. `required`: blocked where none is. `off`: not at all.
    scripts: the primary reviewer per aspect, as argv templates; an empty one is none.
    runtime: who reviews when a script cannot: a configured runtime; empty: the one whose work it is, if
        it is a built-in agent.
    other_runtime: never the runtime whose work it is. The scripts count as `codex`.
    max_rounds: how often findings are sent back to be mended before the task is blocked.
    timeout_sec: how long one run may take.
    """

    mode: Literal["auto", "required", "off"] = "off"
    scripts: Mapping[Aspect, tuple[str, ...]] = field(default_factory=dict)
    runtime: str = ""
    other_runtime: bool = False
    max_rounds: int = 2
    timeout_sec: float = 1800.0


def filled(template: tuple[str, ...], values: Mapping[str, str]) -> tuple[str, ...]:
    """The argv of a template; what is no placeholder of ours stays as it is."""
    return tuple(_PLACEHOLDER.sub(lambda found: values[found[1]], part) for part in template)
