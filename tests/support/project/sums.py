"""What the courses of all tasks come to, added up: by phase, by runtime, by file, and what has to be learnt of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import TypeVar

from tests.support.project.course import Attempt, Course

Courses = Mapping[str, Course]
_K = TypeVar("_K", bound=Hashable)
_RATINGS = ((100, "CRITICAL"), (50, "captured as a learning"), (30, "flagged for review"))
"""The guide's thresholds in percent, and the words that follow when one is passed."""


def attempts(courses: Courses) -> list[Attempt]:
    return [attempt for course in courses.values() for attempt in course.attempts]


def review_runs(courses: Courses) -> Iterator[str]:
    """The names of all runs of reviewers: by what changed, and an agent where the script for the code was refused."""
    for course in courses.values():
        for attempt in course.attempts:
            if attempt.opinion is None:
                continue
            aspects = ["code"] if course.file.startswith("tests/") else ["code", "security"]
            aspects = ["security"] if course.file.endswith(".yml") else aspects
            for aspect in [*aspects, *(["fallback"] if attempt.by_agent else [])]:
                yield f"{attempt.name}-review1-{aspect}.1"


def used_by(those: Iterable[Course]) -> int:
    return sum(each.used or 0 for each in those)


def by_phase(courses: Courses) -> dict[int, list[Course]]:
    return _grouped(courses.values(), lambda each: each.phase)


def by_file(courses: Courses) -> dict[str, list[Course]]:
    return _grouped((each for each in courses.values() if each.delivered_by), lambda each: each.file)


def by_runtime(courses: Courses) -> dict[str, tuple[int, int]]:
    """How many attempts, and their tokens."""
    found: dict[str, tuple[int, int]] = {}
    for course in courses.values():
        runs, used = found.get(course.runtime, (0, 0))
        found[course.runtime] = (runs + len(course.attempts), used + sum(each.used for each in course.attempts))
    return found


def reviews_in_all(courses: Courses) -> tuple[int, int]:
    """How many, and their tokens."""
    reviewed = [each for each in attempts(courses) if each.opinion is not None]
    return len(reviewed), sum(each.review_used for each in reviewed)


def _grouped(courses: Iterable[Course], key: Callable[[Course], _K]) -> dict[_K, list[Course]]:
    found: defaultdict[_K, list[Course]] = defaultdict(list)
    for each in courses:
        found[key(each)].append(each)
    return found


def rating(estimate: int, used: int) -> str:
    off = 100 * abs(used - estimate)
    return next((word for percent, word in _RATINGS if off > percent * estimate), "")


def taught(courses: Courses) -> Iterator[tuple[str, float, int]]:
    """Task, thousands of tokens and percent of each entry."""
    for course in courses.values():
        for used in course.ends:
            off = used - course.estimate
            if 100 * abs(off) > 50 * course.estimate:
                yield course.task, used / 1000, round(100 * off / course.estimate)
