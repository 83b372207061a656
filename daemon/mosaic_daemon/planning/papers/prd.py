"""The requirements, before anything is dispatched: a person's own stay; where there are none they are drafted.

A draft says what the README, the docs, package metadata and the report say. Everything else is a guess, and marked.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from mosaic_daemon.forges.texts import as_markdown
from mosaic_daemon.ground import templates
from mosaic_daemon.nouns.figures import tokens_text
from mosaic_daemon.planning.finding import Finding
from mosaic_daemon.planning.papers.manifests import Manifest, manifests, quality_gates, readme
from mosaic_daemon.planning.plan import Phase, Plan

PRD_FILE = "docs/PRD.md"
_KEPT = (PRD_FILE, "docs/PRD.json")
_TEMPLATE = "docs/PRD.md.template"
_GUESS = "ASSUMPTION:"
_LONGEST_TEXT = 600
_MOST_FINDINGS = 200
_MOST_DOCUMENTS = 20
_MOST_ENTRIES = 1000


def draft(
    root: Path, plan: Plan, gates: str = "", *, values: Mapping[str, str] | None = None, folder: Path | None = None
) -> str | None:
    """The text of `docs/PRD.md`; None when the project has one, or `docs/PRD.json`. The same facts give the same text.

    Args:
        gates: the command workers must pass; empty: guessed.
        values: template variables beside the plan's own, such as `CURRENT_DATETIME`.
        folder: where templates are looked for first, or None.

    Raises:
        InputError: the template names a variable that does not exist.
    """
    if any(os.path.lexists(root / name) for name in _KEPT):
        return None
    sections = _sections(root, plan, gates)
    own = {
        "PROJECT": as_markdown(plan.milestone.project),
        "MILESTONE": as_markdown(plan.milestone.title),
        "TASK_PREFIX": plan.milestone.prefix,
        **{name: text for name, (_, text) in sections.items()},
    }
    text = templates.fill(_TEMPLATE, {**(values or {}), **own}, folder=folder, strict=True).rstrip()
    # A person's own template may be a form without variables.
    missing = [f"## {title}\n\n{section}" for title, section in sections.values() if section not in text]
    return "\n\n".join([text, *missing]) + "\n"


def _sections(root: Path, plan: Plan, gates: str) -> dict[str, tuple[str, str]]:
    """Title and text of each by the template's variable."""
    packages = manifests(root)
    return {
        "SUMMARY": ("Problem statement", _summary(root, packages, plan)),
        "OBJECTIVES": ("Objectives", _objectives(plan)),
        "SCOPE": ("Scope", _scope(plan)),
        "REQUIREMENTS": ("Requirements", _requirements(plan)),
        "QUALITY_GATES": ("Quality gates", _gates(root, gates)),
        "CONSTRAINTS": ("Constraints", _constraints(plan)),
        "ACCEPTANCE_CRITERIA": ("Acceptance criteria", _acceptance(plan)),
        "SOURCES": ("Sources", _sources(root, packages, plan)),
    }


def _summary(root: Path, packages: tuple[Manifest, ...], plan: Plan) -> str:
    name, paragraph = readme(root)
    told = (
        [(name, paragraph)] if paragraph else [(each.file, each.description) for each in packages if each.description]
    )
    about = [f"{_quoted(text)} ({_file(file)})" for file, text in told[:1]]
    if not about:
        about = [f"{_GUESS} nothing says what the project is for; its behaviour today is what it is meant to do."]
    report = f"A review, the report {_file(plan.report)}, has {_count(len(plan.findings), 'finding')} to be remedied."
    return "\n\n".join([*about, report])


def _objectives(plan: Plan) -> str:
    lines, estimates = [], {each.task.id: each.tokens for each in plan.tasks}
    for phase in plan.phases:
        count = _count(len(_findings(phase, plan)), f"{phase.severity.value} finding")
        tokens = sum(estimates.get(name, 0) for name in phase.tasks)
        lines.append(f"- Phase {phase.number}, {as_markdown(phase.title)}: {count}, about {tokens_text(tokens)} tokens")
    return "\n".join(lines) or f"- {_GUESS} none"


def _scope(plan: Plan) -> str:
    components = Counter(finding.component for finding in plan.findings if finding.component)
    shown = ", ".join(
        f"{as_markdown(name)} ({number})" for name, number in sorted(components.items())[:_MOST_DOCUMENTS]
    )
    lines = [f"- In scope: the findings of the report{f', by component: {shown}' if shown else ''}"]
    if plan.leftovers:
        lines.append(f"- Not in scope: {_count(len(plan.leftovers), 'entry', 'entries')} that could not be read")
    lines.append(f"- {_GUESS} what no finding names is not in scope and keeps its behaviour")
    return "\n".join(lines)


def _requirements(plan: Plan) -> str:
    found = [finding for phase in plan.phases for finding in _findings(phase, plan)]
    lines = [f"- {as_markdown(f'{each.id}: {each.title}'[:_LONGEST_TEXT])}" for each in found[:_MOST_FINDINGS]]
    if len(found) > _MOST_FINDINGS:
        lines.append(f"- and {len(found) - _MOST_FINDINGS} more, see `docs/TASKS.md`")
    guesses = (
        "public interfaces stay compatible unless a finding asks for a change",
        "a corrected fault gets a test that fails without the correction",
        "behaviour that changes for users or operators is documented in the same change",
    )
    return "\n".join([*lines, *(f"- {_GUESS} {guess}" for guess in guesses)])


def _gates(root: Path, gates: str) -> str:
    if gates:
        return _file(gates)
    if guess := quality_gates(root):
        return f"{_GUESS} {_file(guess)}, from the files at the root of the repository"
    return f"{_GUESS} the project's own linters, type checks and tests"


def _constraints(plan: Plan) -> str:
    return "\n".join(
        (
            "- Changes reach the base branch through pull requests, squashed, when CI is green",
            f"- Estimated work: about {tokens_text(plan.tokens)} tokens in {_count(len(plan.tasks), 'task')}",
            f"- {_GUESS} no new dependency, service or licence is taken in unless a finding asks for it",
        )
    )


def _acceptance(plan: Plan) -> str:
    by_phase = [f"- [ ] All {phase.severity.value} findings remediated" for phase in plan.phases]
    return "\n".join(
        (
            *by_phase,
            "- [ ] Quality gates passing",
            "- [ ] Required documentation updates complete",
            "- [ ] No new regressions",
        )
    )


def _sources(root: Path, packages: tuple[Manifest, ...], plan: Plan) -> str:
    name, _ = readme(root)
    lines = [f"- {_file(name)}"] if name else []
    for each in packages:
        named = f": {as_markdown(each.name[:_LONGEST_TEXT])}" if each.name else ""
        lines.append(f"- {_file(each.file)}{named}")
    lines += [f"- {_file(document)}" for document in _documents(root)]
    return "\n".join([*lines, f"- the report {_file(plan.report)}"])


def _documents(root: Path) -> list[str]:
    """Names of documents right below `docs`, as many as anybody wants to read."""
    folder = root / "docs"
    if folder.is_symlink() or not folder.is_dir():
        return []
    names = []
    with os.scandir(folder) as entries:
        for entry, _ in zip(entries, range(_MOST_ENTRIES), strict=False):
            if entry.name.lower().endswith((".md", ".rst", ".adoc")) and entry.is_file(follow_symlinks=False):
                names.append(f"docs/{entry.name}")
    return sorted(name for name in names if name != "docs/TASKS.md")[:_MOST_DOCUMENTS]


def _findings(phase: Phase, plan: Plan) -> list[Finding]:
    mends = {each.task.id: each.fingerprint for each in plan.tasks}
    wanted = {mends[name] for name in phase.tasks if mends.get(name)}
    return [finding for finding in plan.findings if finding.fingerprint in wanted]


def _quoted(text: str) -> str:
    return as_markdown(text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1].rstrip()}…")


def _file(text: str) -> str:
    """As code where it can be, as text where it has marks of its own."""
    return as_markdown(text) if "`" in text or not text.isprintable() else f"`{text}`"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or f'{one}s'}"
