"""Messages as bytes: what is written is read back, and every other reading is refused with a reason."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaic_rails.base import Limits
from mosaic_rails.leased import messages as msg
from mosaic_rails.leased import wire
from tests.rails.leased.site import errand

D, A, C = "d-1", "MS-SEC-001.12", "c-1"
ERRAND = replace(errand(A), command=("sh", "-c", "true"), limits=Limits(1.5, 0.25, 2.0, 10, 20))
MESSAGES: tuple[msg.Message, ...] = (
    msg.Offer(D, A, ("runtime=claude", "gpu"), wire.digest_of(ERRAND)),
    msg.Claim(D, A, C, ()),
    msg.Grant(D, A, C, 120_000, ERRAND),
    msg.Renew(D, A, C, 7, "tests run — “fast”\n"),
    msg.Renewed(D, A, C, 7, 120_000),
    msg.Stop(D, A, C, "cancelled"),
    msg.Result(D, A, C, "exit", None, 15, "killed", "", "{}", "\x00\x1b[31m", 3),
    msg.Accepted(D, A, C),
    msg.Rejected(D, A, C, "result", "late"),
)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.type)
def test_every_message_is_read_as_it_was_written(message: msg.Message) -> None:
    """As texts and whole numbers, which every carrier takes."""
    body = wire.encode(message)
    assert wire.decode(body) == message
    assert not [value for value in _leaves(json.loads(body)) if isinstance(value, float)]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.type)
def test_a_message_with_a_field_too_few_or_too_many_is_none(message: msg.Message) -> None:
    body = json.loads(wire.encode(message))
    for name in body:
        with pytest.raises(wire.Malformed):
            wire.decode(json.dumps({key: value for key, value in body.items() if key != name}).encode())
        with pytest.raises(wire.Malformed):
            wire.decode(json.dumps({**body, name: {"a": 1}}).encode())
    with pytest.raises(wire.Malformed, match="unknown field"):
        wire.decode(json.dumps({**body, "sender": "w1"}).encode())


@settings(deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_whatever_comes_in_is_a_message_or_malformed(data: bytes) -> None:
    """Nothing else is ever raised."""
    with pytest.raises(wire.Malformed):
        wire.decode(data)


@settings(deadline=None)
@given(st.text(max_size=100_000 // 4), st.integers(0, wire.MAX_NUMBER))
def test_a_log_is_cut_at_its_start_until_it_fits(log: str, printed: int) -> None:
    """Its end says most; lone surrogates and the like are replaced."""
    log = log.encode("utf-8", "replace").decode() * 40
    result = msg.Result(D, A, C, "exit", 0, None, "exit 0", "", "{}", log, printed)
    fitted = wire.fitted(result)
    assert log.endswith(fitted.log)
    assert wire.decode(wire.encode(fitted)) == fitted
    assert fitted.log == log or len(wire.encode(fitted)) > 20_000


def test_a_grant_that_is_not_what_was_offered_shows_in_its_digest() -> None:
    """Every field counts."""
    digest = wire.digest_of(ERRAND)
    for changed in (replace(ERRAND, prompt="other"), replace(ERRAND, command=()), replace(ERRAND, limits=Limits())):
        assert wire.digest_of(changed) != digest


def _leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in _leaves(each)]
    if isinstance(value, list):
        return [leaf for each in value for leaf in _leaves(each)]
    return [value]
