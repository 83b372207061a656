"""What the repository's owner wants of every gate, and what one look at a gate knows beside the gate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """Attributes:
    target: the base branch.
    ci: `required`: a commit without a verdict is blocked. `auto`: none is accepted with proof. `none`: CI is not asked.
    change_ci: the change's own CI before the merge: it must be there, counts where it is there, or is not asked.
    returns: how often a conflict, or red CI, sends the task back to a worker before it is blocked.
    reruns: how often red jobs are run again before they count; 0 or 1.
    first_run: how long a commit may be without any check before that means something.
    queue_timeout, ci_timeout: how long the base branch, or one commit, may keep a gate waiting.
    tree_check: a merge commit with another tree than expected blocks the task, or is only written down.
    close_failure: an issue that cannot be closed blocks the task, or is only written down.
    """

    target: str
    ci: Literal["required", "auto", "none"] = "auto"
    change_ci: Literal["required", "if_present", "skip"] = "if_present"
    returns: int = 1
    reruns: int = 0
    first_run: timedelta = timedelta(seconds=120)
    queue_timeout: timedelta = timedelta(hours=1)
    ci_timeout: timedelta = timedelta(hours=1)
    tree_check: Literal["enforce", "warn"] = "enforce"
    close_failure: Literal["block", "warn"] = "block"


@dataclass(frozen=True, slots=True)
class Look:
    """Attributes:
    now: the time of this look.
    has_just_intended: the gate's open intent was recorded a moment ago by the same caller, and nothing was done since.
    siblings: tasks that are not over and have the same issue.
    """

    now: datetime
    has_just_intended: bool = False
    siblings: tuple[str, ...] = ()
