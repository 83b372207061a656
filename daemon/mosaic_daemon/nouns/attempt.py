"""One run of a task by one worker, and how it can fail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mosaic_daemon.nouns.task import Category


def attempt_name(task: str, fence: int) -> str:
    """`<task>.<fence>`: the key of everything about one attempt."""
    return f"{task}.{fence}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was decided when the fence was issued.

    Attributes:
        fence: rises with every attempt of the task, never issued twice.
        branch: the branch in the worker's clone.
        base_sha: the commit it starts from.
        agent: who works on it, for the table's `agent` column: runtime and rail.
        limit_sec: it may take no longer, and is the last one; None: as configured.
    """

    task: str
    fence: int
    branch: str
    base_sha: str
    runtime: str
    rail: str
    limit_sec: float | None = None

    @property
    def name(self) -> str:
        return attempt_name(self.task, self.fence)

    @property
    def agent(self) -> str:
        return f"{self.runtime}@{self.rail}"


LIMITED = "limited"  #: counts how often in a row a provider's limit sent a task back; no failure, no try is used


class FailureClass(StrEnum):
    """Failures are counted per class: none uses up another's tries."""

    WORKER = "worker"  #: the worker failed, timed out, stalled, or gave a result that breaks the rules
    LOST = "lost"  #: its end is unknown: killed from outside, machine restarted
    CONFLICT = "conflict"  #: its change does not merge with the base branch
    CI = "ci"  #: its change is red
    NO_CHANGES = "no-changes"  #: nothing to merge
    REVIEW = "review"  #: its review found what must be mended, or came to no verdict
    GATE = "gate"  #: the forge or git said no
    PERSON = "person"  #: somebody asked for it


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something failed, with what is needed to see it again.

    Attributes:
        step: the gate's step or `worker`.
        message: one line.
        command: what can be pasted and run; empty when there is none.
        cwd: where to run it.
        status: exit code, signal or HTTP status as text.
        tail: the last lines it said.
        code: what went wrong, for programs: `conflict`, `permission`, `merge_queue_required`; empty when unnamed.
        request_id: by which the other side finds the request in its own logs.
        category, approach: what effort the worker who gave up says it is, and how it would be fixed.
    """

    kind: FailureClass
    step: str
    message: str
    command: str = ""
    cwd: str = ""
    status: str = ""
    tail: str = ""
    at: datetime | None = None
    code: str = ""
    request_id: str = ""
    category: Category | None = None
    approach: str = ""
