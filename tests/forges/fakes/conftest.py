"""A client for the forge under test."""

from __future__ import annotations

from tests.forges.fakes.fixtures import make_fake

__all__ = ["make_fake"]
