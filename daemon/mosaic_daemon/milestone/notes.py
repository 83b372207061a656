"""Release notes, made of what was really merged. Other people's words in them are text and nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from mosaic_daemon.forges.texts import as_markdown
from mosaic_daemon.milestone.metadata import Metadata
from mosaic_daemon.nouns.record import Deferred, Done, Record
from mosaic_daemon.nouns.task import Kind
from mosaic_daemon.planning.learning.retrospect import Retrospective

_LONGEST_LINE = 300
_LONGEST = 60_000  # GitHub takes 125,000 characters, and a script's argument has an end too
_OTHER, _VERIFIED = "Other changes", "Verification"
_SHORT = 12


@dataclass(frozen=True, slots=True)
class Facts:
    """What is said of the whole.

    Attributes:
        base_sha: the tagged commit; empty while it is not known. ci: of it, `green` or `absent`.
        pull_sign: what stands before a pull request's number on this forge, `#` or `!`; empty: it has none.
    """

    base_sha: str
    ci: str
    today: date
    pull_sign: str = ""


def rendered(milestone: Metadata, records: Sequence[Record], facts: Facts, retrospective: Retrospective) -> str:
    """The notes as Markdown, without a title."""
    done = [each for each in records if isinstance(each.state, Done)]
    deferred = [each for each in records if isinstance(each.state, Deferred)]
    blocks = [
        f"Milestone {as_markdown(milestone.name)} completed.",
        _summary(len(done), len(deferred), facts),
        *(_section(title, lines) for title, lines in _groups(milestone, done, facts)),
        *([_section("Deferred", [_deferred(each) for each in deferred])] if deferred else []),
        *_estimates(retrospective),
        marker(milestone.tag),
    ]
    return "\n\n".join(_within(blocks)) + "\n"


def marker(tag: str) -> str:
    """Invisible where Markdown is shown."""
    return f"<!-- mosaic-release:{tag} -->"


def _summary(done: int, deferred: int, facts: Facts) -> str:
    counted = f"{done} task{'' if done == 1 else 's'} done" + (f", {deferred} deferred" if deferred else "")
    verdict = f", CI: {facts.ci}" if facts.ci not in ("", "absent") else ""
    where = f" Commit `{facts.base_sha[:_SHORT]}`{verdict}." if facts.base_sha else ""
    return f"{facts.today.isoformat()}: {counted}.{where}"


def _groups(milestone: Metadata, done: Iterable[Record], facts: Facts) -> Iterator[tuple[str, list[str]]]:
    """Phase by phase, then what belongs to none, then what was verified."""
    found: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
    for each in done:
        found[_group(milestone, each)].append(_line(each, facts))
    for (_, title), lines in sorted(found.items()):
        yield title, lines


def _group(milestone: Metadata, record: Record) -> tuple[int, str]:
    phase = record.task.phase
    if record.task.kind is Kind.VERIFICATION:
        return 1 << 30, _VERIFIED
    if phase is None:
        return 1 << 29, _OTHER
    return phase, milestone.phases.get(phase, f"Phase {phase}")


def _line(record: Record, facts: Facts) -> str:
    evidence: Mapping[str, Any] = record.state.evidence if isinstance(record.state, Done) else {}
    proof = ", ".join(_proof(record, evidence, facts))
    return f"- {as_markdown(_cut(record.task.description))} ({proof})"


def _proof(record: Record, evidence: Mapping[str, Any], facts: Facts) -> Iterator[str]:
    yield f"`{record.id}`"
    change, issue = str(evidence.get("change") or ""), str(evidence.get("issue") or "")
    if facts.pull_sign and change.isdecimal():
        yield f"pull request {facts.pull_sign}{change}"
    if issue and not issue.startswith("internal:"):
        yield as_markdown(f"issue {issue}")
    if sha := evidence.get("merge_sha"):
        yield f"`{str(sha)[:_SHORT]}`"
        yield f"CI: {_ci(str(evidence.get('ci') or 'absent'))}"
    else:
        yield "nothing had to be changed"


def _deferred(record: Record) -> str:
    reason = record.state.reason if isinstance(record.state, Deferred) else ""
    return f"- {as_markdown(_cut(record.task.description))} (`{record.id}`): {as_markdown(_cut(reason)) or 'no reason'}"


def _estimates(found: Retrospective) -> list[str]:
    if found.total is None:
        return []
    lines = [found.total.line.removeprefix("All: "), *found.patterns, *(each.line for each in found.proposals)]
    return [_section("Estimates", [f"- {as_markdown(_cut(each))}" for each in lines])]


def _section(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"## {as_markdown(title)}", "", *lines])


def _within(blocks: Sequence[str]) -> list[str]:
    """As many whole lines as fit; what is left out is counted. The first two blocks and the marker always stay."""
    kept, room, left_out = list(blocks[:2]), _LONGEST, 0
    for block in blocks[2:-1]:
        lines = block.split("\n")
        fitting = []
        for line in lines:
            room -= len(line) + 1
            if room >= 0:
                fitting.append(line)
        left_out += len(lines) - len(fitting)
        if len(fitting) > 2 or len(fitting) == len(lines):  # more than a title
            kept.append("\n".join(fitting))
    if left_out:
        kept.append(f"{left_out} more lines: the archived table has them.")
    return [*kept, blocks[-1]]


def _ci(verdict: str) -> str:
    return "none" if verdict == "absent" else verdict


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_LINE else f"{text[: _LONGEST_LINE - 1].rstrip()}…"
