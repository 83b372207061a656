"""Any value that the ledger may have to keep."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.attempt import Attempt, Failure, FailureClass
from mosaic_daemon.nouns.gate import Gate, Hold, Step
from mosaic_daemon.nouns.phase import PhaseState, Stage
from mosaic_daemon.nouns.record import (
    Blocked,
    Deferred,
    Dispatching,
    Done,
    Failed,
    Gating,
    NeedsQa,
    NotStarted,
    Record,
    Removed,
    Reviewing,
    Running,
)
from mosaic_daemon.nouns.release import Release, ReleaseStep
from mosaic_daemon.nouns.review import Aspect, Review
from mosaic_daemon.nouns.system import System
from mosaic_daemon.nouns.task import Category, Kind, Task
from mosaic_daemon.nouns.variance import Variance

TEXT = st.text(max_size=8)
NAMES = st.sampled_from(["T-1", "a.b", "X"])
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=-3, minutes=-30)), timezone(timedelta(hours=14))])
MOMENTS = st.datetimes(timezones=ZONES)
#: What strict JSON can hold.
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
FACTS = st.dictionaries(TEXT, JSON, max_size=2)
CHANGED = st.dictionaries(TEXT, st.tuples(JSON, JSON), max_size=2)
MAYBE_MOMENT = st.none() | MOMENTS
MAYBE_USED = st.none() | st.integers(min_value=0)
WANTED = st.sampled_from(["not-started", "deferred", "blocked"])
LINES = st.lists(TEXT, max_size=2).map(tuple)
TOKENS = st.integers(min_value=1, max_value=10**9)
VARIANCES = st.builds(Variance, TOKENS, TOKENS, TEXT, TOKENS, MOMENTS, TOKENS, LINES)

TASKS = st.builds(
    Task,
    id=NAMES,
    description=TEXT,
    issue=TEXT,
    branch=TEXT,
    depends_on=LINES,
    blocks=LINES,
    estimate=st.none() | TEXT,
    priority=st.integers(),
    kind=st.sampled_from(Kind),
    phase=st.none() | st.integers(min_value=0),
    files=LINES,
    runtime=st.none() | TEXT,
    command=st.none() | TEXT | LINES,
    prompt=st.none() | TEXT,
    category=st.none() | st.sampled_from(Category),
    extra=FACTS,
)
MAYBE_CATEGORY = st.none() | st.sampled_from(Category)
ATTEMPTS = st.builds(Attempt, NAMES, st.integers(min_value=1), TEXT, TEXT, TEXT, TEXT, st.none() | st.floats(1, 1_000))
FAILURES = st.builds(
    Failure,
    st.sampled_from(FailureClass),
    *[TEXT] * 6,
    MAYBE_MOMENT,
    category=MAYBE_CATEGORY,
    approach=TEXT,
)
HOLDS = st.builds(Hold, TEXT, MAYBE_MOMENT)
STEPS = st.sampled_from(Step)
GATES = st.builds(
    Gate,
    id=TEXT,
    head_sha=TEXT,
    opened_at=MOMENTS,
    step=STEPS,
    base_sha=st.none() | TEXT,
    change=st.none() | TEXT,
    merge_sha=st.none() | TEXT,
    intent=st.none() | FACTS,
    hold=st.none() | HOLDS,
    evidence=st.dictionaries(TEXT, FACTS, max_size=2),
    rounds=st.integers(min_value=0),
)
REVIEWS = st.builds(
    Review,
    aspects=st.lists(st.sampled_from(Aspect), max_size=2).map(tuple),
    head_sha=TEXT,
    base_sha=TEXT,
    diff=TEXT,
    opened_at=MOMENTS,
    round=st.integers(min_value=1),
    hold=st.none() | HOLDS,
    missing=st.lists(st.sampled_from(Aspect), max_size=2).map(tuple),
)
STATES = st.one_of(
    st.builds(Reviewing, ATTEMPTS, REVIEWS),
    st.builds(NeedsQa, ATTEMPTS, TEXT, FAILURES, FACTS),
    st.builds(NotStarted, reason=TEXT, not_before=MAYBE_MOMENT),
    st.builds(Dispatching, ATTEMPTS),
    st.builds(Running, ATTEMPTS, TEXT, MOMENTS, TEXT),
    st.builds(Gating, ATTEMPTS, GATES),
    st.builds(Done, FACTS),
    st.builds(Failed, FAILURES),
    st.builds(Blocked, FAILURES, st.none() | ATTEMPTS, st.none() | GATES, st.none() | REVIEWS),
    st.builds(Deferred, TEXT),
    st.just(Removed()),
    st.builds(Removed, milestone=TEXT, delivered=st.none() | FACTS, reason=TEXT),
)
RECORDS = st.builds(
    Record,
    task=TASKS,
    position=st.integers(0, 1000),
    state=STATES,
    fence=st.integers(min_value=0),
    tries=st.dictionaries(TEXT, st.integers(), max_size=2),
    last_failure=st.none() | FAILURES,
    agent=TEXT,
    started_at=MAYBE_MOMENT,
    completed_at=MAYBE_MOMENT,
    used=MAYBE_USED,
    notes=LINES,
    mends=TEXT,
    start_from=TEXT,
    documented=st.booleans(),
)
INVENTORIES = st.dictionaries(NAMES, st.sampled_from(Category), max_size=2)
PHASES = st.dictionaries(st.integers(0, 9), st.builds(PhaseState, st.sampled_from(Stage), INVENTORIES), max_size=2)
RELEASE_STEPS = st.sampled_from(ReleaseStep)
RELEASES = st.builds(
    Release,
    version=TEXT,
    name=TEXT,
    opened_at=MOMENTS,
    step=RELEASE_STEPS,
    base_sha=st.none() | TEXT,
    intent=st.none() | FACTS,
    acts=st.integers(min_value=0),
    since=MAYBE_MOMENT,
    evidence=st.dictionaries(TEXT, FACTS, max_size=2),
    hold=st.none() | HOLDS,
    failure=st.none() | FAILURES,
    finished_at=MAYBE_MOMENT,
)
SYSTEMS = st.builds(System, st.dictionaries(TEXT, HOLDS, max_size=2), st.booleans(), PHASES, st.none() | RELEASES)
_FENCE = st.integers(min_value=1)
EVENTS: st.SearchStrategy[ev.Event] = st.one_of(
    st.builds(ev.TaskAdded, TASKS, st.integers(0, 1000), TEXT, st.integers(min_value=0), TEXT, TEXT, TEXT),
    st.builds(ev.TaskEdited, TASKS, CHANGED, TEXT),
    st.builds(ev.TaskRemoved, TEXT),
    st.builds(ev.EditRefused, CHANGED, TEXT, TEXT),
    st.builds(ev.Requeued, TEXT, TEXT),
    st.builds(ev.TaskDeferred, TEXT, TEXT),
    st.builds(ev.DeferralDocumented, TEXT),
    st.builds(ev.TaskBlocked, TEXT, TEXT),
    st.builds(ev.StopRequested, WANTED, TEXT, TEXT),
    st.builds(ev.AttemptIntended, ATTEMPTS),
    st.builds(ev.AttemptStarted, _FENCE, TEXT, MOMENTS),
    st.builds(ev.AttemptFailed, _FENCE, FAILURES, st.booleans(), MAYBE_USED),
    st.builds(ev.AttemptReleased, _FENCE, TEXT, MAYBE_MOMENT, MAYBE_USED),
    st.builds(ev.AttemptStopped, _FENCE, WANTED, TEXT, MAYBE_USED),
    st.builds(ev.ResultAccepted, _FENCE, TEXT, MAYBE_USED, TEXT, st.none() | REVIEWS, TEXT),
    st.builds(ev.ResultRejected, TEXT, TEXT),
    st.builds(ev.ReviewHeld, HOLDS),
    st.builds(ev.ReviewPassed, TEXT, FACTS, LINES, MAYBE_USED),
    st.builds(ev.QaNeeded, TEXT, TEXT, FAILURES, FACTS, LINES, MAYBE_USED),
    st.builds(ev.ReviewReturned, TEXT, FAILURES, st.booleans(), LINES, MAYBE_USED),
    st.builds(ev.ReviewBlocked, FAILURES, MAYBE_USED),
    st.builds(ev.ReviewResumed, TEXT),
    st.builds(ev.QaDelivered, TEXT, FACTS),
    st.builds(ev.GateStepped, STEPS, FACTS, STEPS, st.none() | TEXT, st.none() | TEXT, st.none() | TEXT),
    st.builds(ev.GateIntended, STEPS, TEXT, FACTS),
    st.builds(ev.GateRewound, TEXT),
    st.builds(ev.GateHeld, HOLDS),
    st.builds(ev.GateReturned, FAILURES),
    st.builds(ev.GateBlocked, FAILURES),
    st.builds(ev.GateFailed, FAILURES),
    st.builds(ev.GateResumed, TEXT),
    st.builds(ev.DoneFound, FACTS),
    st.builds(ev.TaskConcluded, st.integers(min_value=0), st.none() | VARIANCES),
    st.builds(ev.TaskDone, FACTS),
    st.builds(ev.TaskArchived, TEXT),
    st.builds(ev.ReleaseOpened, TEXT, TEXT, TEXT),
    st.builds(ev.ReleaseStepped, RELEASE_STEPS, FACTS, RELEASE_STEPS, st.none() | TEXT),
    st.builds(ev.ReleaseIntended, RELEASE_STEPS, TEXT, FACTS),
    st.builds(ev.ReleaseHeld, HOLDS),
    st.builds(ev.ReleaseBlocked, FAILURES),
    st.builds(ev.ReleaseResumed, TEXT),
    st.builds(ev.MilestoneReleased, FACTS),
    st.builds(ev.RuntimeHeld, TEXT, HOLDS),
    st.builds(ev.RuntimeReleased, TEXT),
    st.builds(ev.DrainChanged, st.booleans(), TEXT),
    st.builds(ev.PhaseMoved, st.integers(0, 9), st.sampled_from(Stage), _FENCE, _FENCE, INVENTORIES),
    st.builds(ev.Reported, TEXT, TEXT, FACTS),
)
EVERY_KIND = 47
