"""The guide's documentation gate: what has to be documented, what counts as documented, what counts as a reason."""

from __future__ import annotations

import pytest

from mosaic_daemon.ground import templates
from mosaic_daemon.nouns.documentation import is_document, missing, says_why_not, surfaces

SURFACES: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "code": (["src/cart.py"], ("code",)),
    "an API": (["src/api/orders.py"], ("API",)),
    "routes": (["app/routes.ts"], ("API",)),
    "authentication": (["src/auth.py"], ("authentication",)),
    "a login page": (["web/login/page.tsx"], ("authentication",)),
    "infrastructure": (["Dockerfile"], ("infrastructure",)),
    "units": (["systemd/app.service"], ("infrastructure",)),
    "several": (["src/auth/api.py", "terraform/main.tf"], ("infrastructure", "authentication", "API")),
    "tests only": (["tests/test_cart.py", "src/cart.test.ts", "pkg/cart_test.go"], ()),
    "documents only": (["docs/x.md", "README.md"], ()),
    "an author": (["src/author.py"], ("code",)),
    "nothing": ([], ()),
}


@pytest.mark.parametrize("name", SURFACES)
def test_what_a_change_touches(name: str) -> None:
    paths, touched = SURFACES[name]
    assert surfaces(paths) == touched


@pytest.mark.parametrize("path", ["docs/a.txt", "README", "pkg/README.rst", "CHANGELOG", "api/openapi.yaml", "man/x.1"])
def test_documents(path: str) -> None:
    assert is_document(path)


@pytest.mark.parametrize("path", ["src/docs.py", "docs", "x.yaml", "readme.py.txt", "src/changes/x.py"])
def test_what_is_no_document(path: str) -> None:
    assert not is_document(path)


REASONS = [
    "documentation: internal refactoring only",
    "Fixed it. Docs: nothing visible changed",
    "docs not needed because x",
]
NO_REASONS = ["", "done", "documentation:", "docs: n/a", "see the docs", "the doctor is in", "documented"]


@pytest.mark.parametrize("notes", REASONS)
def test_a_reason(notes: str) -> None:
    assert says_why_not(notes)
    assert missing(["src/a.py"], notes, "") == ""


@pytest.mark.parametrize("notes", NO_REASONS)
def test_no_reason(notes: str) -> None:
    assert not says_why_not(notes)


def test_what_is_missing_is_named_by_the_checklist() -> None:
    """The shipped one, a project's own, and none."""
    said = missing(["src/auth/login.py"], "done", templates.text("docs/DOCUMENTATION-CHECKLIST.md"))
    assert "it changes authentication and no documentation: Changed permissions, secrets and trust" in said
    assert "Security page" in missing(["src/auth.py"], "", "- [ ] Security page says who may log in\n- [ ] Other\n")
    assert missing(["src/a.py"], "", "no list").startswith("it changes code and no documentation. Document it")


def test_with_a_document_nothing_is_missing() -> None:
    assert missing(["src/api/a.py", "docs/api.md"], "done", "") == ""


def test_a_checklist_of_empty_lines_costs_no_more_than_its_length() -> None:
    assert "changelog" in missing(["src/a.py"], "", "\n" * 500_000 + "- [ ] changelog entry\n")
