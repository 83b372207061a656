"""Words, figures and signs for severity."""

from __future__ import annotations

import pytest

from mosaic_daemon.planning.finding import Severity
from mosaic_daemon.planning.reports import severities

CRITICAL, HIGH, MEDIUM, LOW = Severity


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        *(("CRITICAL", CRITICAL), ("blocker", CRITICAL), ("P0", CRITICAL), ("Sev-1", CRITICAL), ("sev 2", HIGH)),
        *(("Major", HIGH), ("priority 1", HIGH), ("error", HIGH), ("🔴 Critical (9.8)", CRITICAL), ("**High**", HIGH)),
        *(("moderate", MEDIUM), ("warning", MEDIUM), ("P2", MEDIUM), ("minor", LOW), ("Informational", LOW)),
        *(("trivial", LOW), ("note", LOW), ("Medium/High", HIGH), ("low - medium", MEDIUM), ("Kritisch", CRITICAL)),
        *(("spicy", None), ("", None), ("Not high at all", None), ("highly", None), ("critical-path", None)),
    ],
)
def test_value(text: str, severity: Severity | None) -> None:
    assert severities.of_value(text.strip("*")) is severity


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        *(("9.8", CRITICAL), ("CVSS 9.0", CRITICAL), ("CVSS v3.1: 7.5/10", HIGH), ("CVSS 3.1: 4.0", MEDIUM)),
        *(("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:N (9.1)", CRITICAL), ("10.0", CRITICAL), ("0.0", LOW)),
        *(("3.1 (CVSS:3.1/AV:N/AC:H/PR:L/UI:N/S:U/C:L/I:N/A:N)", LOW), ("CVSS:3.1/AV:N/AC:L", None), ("n/a", None)),
    ],
)
def test_cvss(text: str, severity: Severity | None) -> None:
    assert severities.of_cvss(text) is severity


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        *(("Critical Findings (3)", CRITICAL), ("High Priority", HIGH), ("P2", MEDIUM), ("🔴 Blockers", CRITICAL)),
        *(("Low severity issues", LOW), ("Minor / Nits", LOW), ("Severity: High", HIGH)),
        *(("Critical path analysis", None), ("Low-hanging fruit", None), ("Notes", None), ("Info", None)),
        *(("Findings", None), ("critical · high · medium · low", None), ("High availability", None)),
    ],
)
def test_heading_of_a_group(text: str, severity: Severity | None) -> None:
    group = severities.of_group(text)
    assert (group[0] if group else None) is severity
