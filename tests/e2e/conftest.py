from __future__ import annotations

from tests.support.fixtures import repo, start

__all__ = ["repo", "start"]
