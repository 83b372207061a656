"""One task as `tasks.json` holds it, field by field. The model is the public JSON Schema."""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, ValidationError

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.nouns.figures import FIGURE, tokens
from mosaic_daemon.nouns.task import Category, Kind, Status

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

STATUSES = tuple(status.value for status in Status)
KINDS = tuple(kind.value for kind in Kind)
CATEGORIES = tuple(each.value for each in Category)
_VALID = {"status": STATUSES, "kind": KINDS, "category": CATEGORIES}
PEOPLE_STATUSES = ("not-started", "deferred", "blocked")
"""What people may ask for, and take back. The others are the daemon's to set."""

_ID = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_BRANCH = r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}"
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_ID_PATTERN = re.compile(_ID)


@dataclass(frozen=True, slots=True)
class Problem:
    """One entry or row that cannot be used. It stays in its file as it is; the others go on.

    Attributes:
        message: what is wrong with it.
        position: which entry or row, counted from 1.
        task: its id, empty when it has no usable one.
        line: its line in the file, counted from 1; None when unknown.
    """

    message: str
    position: int
    task: str = ""
    line: int | None = None

    def describe(self, file: str) -> str:
        """One line for people: where it is, and what is wrong."""
        where = f"{file}:{self.line}" if self.line else f"{file} entry {self.position}"
        return f"{where}: {self.message}"


def is_task_id(text: object) -> bool:
    """Whether this may name a task, and so a folder, a branch and a file."""
    return isinstance(text, str) and _ID_PATTERN.fullmatch(text) is not None and ".." not in text


def _task_id(text: str) -> str:
    if not is_task_id(text):
        raise ValueError(f"{_shown(text)} is no task id: letters, digits, '.', '_', '-', no '..', 64 at most")
    return text


def _branch(text: str) -> str:
    if not text:
        return text
    parts = text.split("/")
    hidden = any(part.startswith(".") or part.endswith((".lock", ".")) for part in parts)
    if not re.fullmatch(_BRANCH, text) or ".." in text or "" in parts or hidden:
        raise ValueError(f"{_shown(text)} cannot name a branch")
    return text


def _name(text: str) -> str:
    if not re.fullmatch(_NAME, text):
        raise ValueError(f"{_shown(text)} is no name of letters, digits, '.', '_' and '-'")
    return text


def _relative_path(text: str) -> str:
    path = PurePosixPath(text)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in text:
        raise ValueError(f"{_shown(text)} is no path below the repository")
    return text


def _token_figure(value: Any) -> str:
    tokens(value)
    return str(value)


def _or_empty(value: Any) -> Any:
    return "" if value is None else value


def _timestamp(text: str) -> str:
    try:
        has_offset = datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        has_offset = False
    if not has_offset:
        raise ValueError(f"{_shown(text)} is no ISO 8601 time with an offset, such as 2026-01-31T09:30:00+00:00")
    return text


def _command(value: Any) -> Any:
    words = [value] if isinstance(value, str) else value
    if isinstance(words, list) and words and all(isinstance(w, str) and w and "\0" not in w for w in words):
        return value
    raise ValueError("must be a list of non-empty strings (argv), or a non-empty string for sh -c")


TaskId = Annotated[str, AfterValidator(_task_id), Field(json_schema_extra={"pattern": rf"^(?!.*\.\.){_ID}$"})]
Name = Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": f"^{_NAME}$"})]
RelativePath = Annotated[str, AfterValidator(_relative_path), Field(json_schema_extra={"pattern": r"^(?!/)."})]
TokenFigure = Annotated[
    str,
    BeforeValidator(_token_figure, json_schema_input_type=str | int),
    Field(json_schema_extra={"pattern": f"^{FIGURE}$", "minimum": 0}),
]
Timestamp = Annotated[str, AfterValidator(_timestamp), Field(json_schema_extra={"format": "date-time"})]
Text = Annotated[str, BeforeValidator(_or_empty, json_schema_input_type=str | None)]
Branch = Annotated[
    Text, AfterValidator(_branch), Field(json_schema_extra={"pattern": rf"^(?!.*(\.\.|//))({_BRANCH})?$"})
]
Command = Annotated[list[str] | str, BeforeValidator(_command)]


class Entry(BaseModel):
    """A task in `tasks.json`. Only `id` and `description` are required; fields not listed here are kept as they are."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow", use_attribute_docstrings=True)

    id: TaskId
    """Unique in the file; names the task everywhere, also its folders and branches."""
    status: Status = Field(default=Status.NOT_STARTED, strict=False)
    """People may ask for `not-started` (again), `deferred` or `blocked`; the others are the daemon's to set."""
    description: str
    """What is to be done, by the guide `{FindingID}: brief summary`. Markdown."""
    issue: Text = ""
    """The issue to close: `#12` on the forge, or an internal reference such as `TASKS:P1`."""
    repo: Text = ""
    """The part of the project it belongs to: `api`, `web`, …"""
    branch: Branch = ""
    """The branch the work is done on; empty: one of its own. Two tasks never run at once on the same branch."""
    depends_on: list[TaskId] = []
    """Tasks that must be `done` before this one starts."""
    blocks: list[TaskId] = []
    """Tasks that wait for this one: the same edges as `depends_on`, seen from the other end."""
    estimate: TokenFigure | None = None
    """Tokens it is expected to take: `8K`, `5.2K`, `1.1M`, or a plain number."""
    priority: int = 0
    """Higher starts earlier, before phase and order are looked at."""
    kind: Kind = Field(default=Kind.CODE, strict=False)
    """What it changes. `verification` and `tracking` may end without a commit."""
    phase: Annotated[int, Field(ge=0)] | None = None
    """Phases run in rising order; null comes after all of them."""
    files: list[RelativePath] = []
    """Files it changes, relative to the repository. Two tasks that name the same file never run at once."""
    runtime: Name | None = None
    """Which runtime does it, a name under `runtimes` in the configuration; null: the configured default."""
    command: Command | None = None
    """For the `shell` runtime: an argv list, or a string for `sh -c`."""
    prompt: str | None = None
    """What the worker is told instead of the description."""
    rail: Name | None = None
    """Which rail carries its attempts; null: the configured one."""
    fixes_main: StrictBool = False
    """It repairs the base branch's CI: its gate passes while the base branch is red."""

    category: Annotated[Category, Field(strict=False)] | None = None
    """What effort it is if it is left over from its phase: `quick-win`, `medium`, `hard`, `architectural` or
    `framework-limitation`; the last two are not tried, but deferred and documented. null: found out by rule."""

    stage: str | None = None
    """Where an `in-progress` task is: `dispatching`, `running`, `gate:<step>`, … Set by the daemon."""
    agent: str | None = None
    """Who works on it. Set by the daemon."""
    attempt: Annotated[int, Field(ge=0)] = 0
    """The fence of its newest attempt, rising; 0 before the first. Set by the daemon."""
    started_at: Timestamp | None = None
    """When its first attempt began. Set by the daemon."""
    completed_at: Timestamp | None = None
    """When it reached its terminal status. Set by the daemon."""
    used: TokenFigure | None = None
    """Tokens all its attempts took together. Set by the daemon."""
    notes: str = ""
    """Review results, evidence of merge, CI and closure, the command that blocks it. Set by the daemon."""
    evidence: dict[str, Any] | None = None
    """What proves that it is `done`: commits, checks, the closed issue. Set by the daemon."""


FIELDS = tuple(Entry.model_fields)
"""All documented fields, in the order they are written."""

DAEMON_FIELDS = FIELDS[FIELDS.index("stage") :]
"""Fields that only the daemon sets: other people's changes to them are taken back."""

PEOPLE_FIELDS = tuple(name for name in FIELDS if name not in {"id", "status", *DAEMON_FIELDS})
"""Fields that only people set. `id` is the key; `status` is shared, see PEOPLE_STATUSES."""


def validate(raw: Mapping[str, Any], *, source: str, position: int | None = None) -> Entry:
    """Check one entry in full.

    Args:
        raw: the entry as it was read.
        source: what to call the file in messages.
        position: which entry it is, counted from 1; names it when its id cannot.

    Raises:
        InputError: names the task, the field and, where one is near, the valid name.
    """
    try:
        return Entry.model_validate(dict(raw))
    except ValidationError as error:
        details = error.errors(include_url=False)
        problem, remedy = _explained(details[0])
        wrong_fields = {detail["loc"][0] for detail in details}
        if len(wrong_fields) > 1:
            problem += f" (and {len(wrong_fields) - 1} more wrong in it)"
        task = f"task {raw['id']!r}" if is_task_id(raw.get("id")) else f"entry {position or '?'}"
        raise InputError(f"{task}: {problem}", source=source, remedy=remedy) from None


def _explained(detail: ErrorDetails) -> tuple[str, str]:
    """What is wrong with a field, and what was probably meant."""
    first, *rest = detail["loc"]
    field = f"field '{first}" + "".join(f"[{step}]" for step in rest if isinstance(step, int)) + "'"
    value = detail["input"]
    match detail["type"]:
        case "missing":
            return f"{field} is missing", ""
        case "enum":
            valid = _VALID[str(first)]
            near = difflib.get_close_matches(str(value).lower(), valid, n=1)
            problem = f"{field}: {_shown(value)} is not one of {', '.join(valid)}"
            return problem, f"did you mean {near[0]!r}?" if near else ""
        case "value_error":
            return f"{field}: {detail['ctx']['error']}", ""
        case _:
            return f"{field}: {_shown(value)} {detail['msg'].removeprefix('Input ')}", ""


def _shown(value: object) -> str:
    return reprlib.repr(value)
