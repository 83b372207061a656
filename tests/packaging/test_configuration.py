"""`config/` and the configuration reference are made from the settings, and stay what they were made from."""

from __future__ import annotations

import os
import re
import tomllib
from operator import attrgetter
from pathlib import Path

import pytest

from mosaic_daemon.ground import reference
from mosaic_daemon.ground.configuration import load
from mosaic_daemon.ground.settings import ENVIRONMENT_PREFIX, RailsSettings, RuntimeSettings, Settings
from tests.packaging import ROOT

_KEY = re.compile(r"^#(?=[a-z_]+ = |\[)", re.MULTILINE)


@pytest.fixture(autouse=True)
def _no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(ENVIRONMENT_PREFIX):
            monkeypatch.delenv(name)


def _uncommented(text: str) -> str:
    return _KEY.sub("", text)


@pytest.mark.parametrize("file", sorted((ROOT / "config").glob("*.toml")), ids=lambda file: file.name)
def test_every_file_in_config_can_be_used_as_it_is(file: Path) -> None:
    assert load(file) == Settings()


@pytest.mark.parametrize(
    ("file", "text"),
    [("config/config.toml", reference.config_text()), ("docs/configuration.md", reference.reference_text())],
)
def test_what_was_made_from_the_settings_is_current(file: str, text: str) -> None:
    assert (ROOT / file).read_text(encoding="utf-8") == text, "run `make docs`"


def test_every_commented_key_is_valid_and_shows_its_default(tmp_path: Path) -> None:
    """With all `#` taken away the file still loads, and differs from the defaults only where there is none."""
    file = tmp_path / "config.toml"
    file.write_text(_uncommented(reference.config_text()), encoding="utf-8")
    loaded = load(file)
    names = {*(Settings.model_fields.keys() - {"runtimes", "rails"}), *(f"rails.{name}" for name, _ in RailsSettings())}
    for name in names:
        shown, default = attrgetter(name)(loaded), attrgetter(name)(Settings())
        differing = {key for key in type(default).model_fields if getattr(shown, key) != getattr(default, key)}
        assert all(getattr(default, key) is None for key in differing), f"{name}: {differing}"


def test_every_key_is_in_the_file_and_in_the_reference() -> None:
    raw = tomllib.loads(_uncommented(reference.config_text()))
    (runtime,) = raw.pop("runtimes").values()
    assert set(runtime) == set(RuntimeSettings.model_fields)
    assert set(raw) == Settings.model_fields.keys() - {"runtimes"}
    assert set(raw["rails"]) == set(RailsSettings.model_fields)
    rails = {f"rails.{name}": table for name, table in raw.pop("rails").items()}
    for name, table in (raw | rails).items():
        assert set(table) == set(type(attrgetter(name)(Settings())).model_fields), name
        for key in table:
            assert f"\n| `{key}` | " in reference.reference_text()


def test_a_choice_and_a_bound_are_said() -> None:
    text = reference.reference_text()
    assert "One of `required`, `auto`, `none`." in text
    assert "at least 1 and at most 2." in text
