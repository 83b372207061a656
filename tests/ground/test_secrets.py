"""Tokens: read from where people put them, masked wherever they turn up."""

from __future__ import annotations

import base64
import json
import pickle
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaic_daemon.ground.errors import ConfigError
from mosaic_daemon.ground.secrets import MASK, Secret, redact, token_from

TOKEN = 'glpat-"x/Y+z%9Qk~0042'


@pytest.fixture(autouse=True)
def secret() -> Secret:
    return Secret(TOKEN)


def test_a_secret_is_not_printed(secret: Secret) -> None:
    assert TOKEN not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == TOKEN


def test_a_secret_is_not_pickled(secret: Secret) -> None:
    with pytest.raises(TypeError, match="not written"):
        pickle.dumps(secret)


@pytest.mark.parametrize(
    "written",
    [
        TOKEN,
        quote(TOKEN, safe=""),
        quote(TOKEN, safe="").replace("%2F", "%2f").replace("%2B", "%2b"),
        json.dumps(TOKEN)[1:-1],
    ],
)
def test_it_is_masked_in_every_spelling(written: str) -> None:
    assert redact(f"a {written} b {written}.") == f"a {MASK} b {MASK}."


@given(before=st.binary(max_size=9), after=st.binary(max_size=9))
def test_it_is_masked_inside_base64_whatever_stands_around_it(before: bytes, after: bytes) -> None:
    raw = before + TOKEN.encode() + after
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        line = redact(f"Authorization: Basic {encode(raw).decode()}")
        left = line.removeprefix("Authorization: Basic ")
        assert MASK in left
        assert len(left) <= len(MASK) + 4 * (len(before) + len(after)) / 3 + 8


def test_text_without_a_secret_stays_as_it_is() -> None:
    assert redact("glpat-somebody-else's") == "glpat-somebody-else's"


def test_the_file_goes_before_the_credential_and_that_before_the_environment(tmp_path: Path) -> None:
    file = private(tmp_path / "token", "from-the-file\n")
    private(tmp_path / "forge-token", "from-the-credential\n")
    env = {"CREDENTIALS_DIRECTORY": str(tmp_path), "SECOND": "from-the-environment"}
    assert revealed(token_from(file, ["FIRST", "SECOND"], "forge-token", env)) == "from-the-file"
    assert revealed(token_from(None, ["FIRST", "SECOND"], "forge-token", env)) == "from-the-credential"
    assert revealed(token_from(None, ["FIRST", "SECOND"], "another", env)) == "from-the-environment"
    assert token_from(None, ["FIRST"], "another", env) is None


def test_a_file_that_everybody_may_read_is_refused_with_the_command_that_helps(tmp_path: Path) -> None:
    file = private(tmp_path / "token", "not-so-secret")
    file.chmod(0o644)
    with pytest.raises(ConfigError, match=f"chmod 600 {file}") as refused:
        token_from(file, [], "x", {})
    assert "not-so-secret" not in refused.value.line


@pytest.mark.parametrize("text", ["", "\n", "short", "two words", "two\nlines-of-it", "ünicode-token", "x" * 5000])
def test_what_cannot_be_a_token_is_refused_without_saying_it(tmp_path: Path, text: str) -> None:
    file = private(tmp_path / "token", text)
    with pytest.raises(ConfigError) as refused:
        token_from(file, [], "x", {})
    assert not text.strip() or text not in refused.value.line


def test_a_token_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no-such-file"):
        token_from(tmp_path / "no-such-file", ["SET"], "x", {"SET": "from-the-environment"})


def private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def revealed(secret: Secret | None) -> str:
    assert secret is not None
    return secret.reveal()
