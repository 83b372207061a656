"""The requirements: a person's own stay, a draft says what the project says, and a guess is marked as one."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.planning.finding import Leftover, Severity, Source
from mosaic_daemon.planning.papers import manifests, prd
from mosaic_daemon.planning.plan import Plan
from tests.planning.findings import finding, plan

NAME = "docs/PRD.md.template"
HOSTILE = ("#", "<b>", "-->", "`", "```", "\n", "${PROJECT}", "$X", "@octo", "##", "Requirements", "-", "[", "]", "é")
ALL = "[tool.ruff]\n[tool.mypy]\n[tool.pytest.ini_options]\n"
NODE = '{"scripts": {"lint": "x", "test": "y; rm -rf /"}}'
PACKAGES = ("pyproject.toml", "package.json", "Cargo.toml", "go.mod", "composer.json", "pom.xml")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    (folder / "docs").mkdir(parents=True)
    return folder


def the_plan() -> Plan:
    return plan(
        finding("SEC-API-1", "Escape <b> in names", "api/a.ts"),
        finding("CQ-WEB-1", "Simplify", "web/b.ts", severity=Severity.MEDIUM, component="web"),
    )


def drafted(root: Path, of: Plan | None = None, gates: str = "") -> str:
    text = prd.draft(root, of or the_plan(), gates)
    assert text is not None
    return text


def section(text: str, title: str) -> str:
    return re.split(r"^## .*$", text.partition(f"## {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0].strip()


class TestTheDraft:
    @pytest.mark.parametrize("name", ["PRD.md", "PRD.json"])
    def test_a_persons_own_stays(self, root: Path, name: str) -> None:
        """Also one that is a link to somewhere."""
        (root / "docs" / name).symlink_to("elsewhere")
        assert prd.draft(root, the_plan()) is None

    def test_it_says_what_the_project_and_the_report_say(self, root: Path) -> None:
        (root / "README.md").write_text("# Shop\n\nSells things.\n")
        (root / "docs/guide.md").write_text("# Guide\n")
        (root / "package.json").write_text(json.dumps({"name": "shop-web", "scripts": {"test": "jest"}}))
        text = drafted(root)
        assert text.startswith("# PRD: shop\n\nMilestone 0.0.1. ")
        assert section(text, "Problem statement").startswith(
            "Sells things. (`README.md`)\n\nA review, the report `review`"
        )
        assert section(text, "Objectives").startswith("- Phase 1, Critical Security Fixes: 1 critical finding, about ")
        assert "by component: api (1), web (1)" in section(text, "Scope")
        assert section(text, "Requirements").startswith("- SEC-API-1: Escape &lt;b> in names\n- CQ-WEB-1: Simplify\n")
        assert section(text, "Quality gates").startswith("ASSUMPTION: `npm test`")
        assert "- [ ] All critical findings remediated\n- [ ] All medium findings remediated\n" in text
        sources = "- `README.md`\n- `package.json`: shop-web\n- `docs/guide.md`\n- the report `review`"
        assert section(text, "Sources") == sources
        assert drafted(root) == text

    def test_a_bare_project_is_all_guesses(self, root: Path) -> None:
        text = drafted(root)
        for title in ("Problem statement", "Scope", "Requirements", "Quality gates", "Constraints"):
            assert "ASSUMPTION:" in section(text, title), title

    def test_a_command_that_somebody_named_is_no_guess(self, root: Path) -> None:
        assert section(drafted(root, gates="make all"), "Quality gates") == "`make all`"

    def test_metadata_describes_it_where_the_readme_does_not(self, root: Path) -> None:
        (root / "README.md").write_text("# Shop\n\n[![build](b.svg)](b)\n")
        (root / "Cargo.toml").write_text('[package]\nname = "shop"\ndescription = "A shop\\nin Rust"\n')
        assert section(drafted(root), "Problem statement").startswith("A shop in Rust (`Cargo.toml`)")

    def test_what_could_not_be_read_is_counted(self, root: Path) -> None:
        of = replace(the_plan(), leftovers=(Leftover(Source("a.md", 1), "x", "y"),) * 2)
        assert "- Not in scope: 2 entries that could not be read\n" in drafted(root, of)

    def test_a_long_report_is_cut(self, root: Path) -> None:
        of = plan(*(finding(f"CQ-{number}", f"{number}", fingerprint=f"f{number}") for number in range(250)))
        assert "- and 50 more, see `docs/TASKS.md`\n" in drafted(root, of)

    def test_a_form_without_variables_gets_what_is_known_behind_it(self, root: Path, tmp_path: Path) -> None:
        """As the guide copies it."""
        file = tmp_path / "home/.config/mosaic/templates" / NAME
        file.parent.mkdir(parents=True)
        file.write_text("# PRD\n\n## Budget\n\n$5 a day\n")
        text = drafted(root)
        assert text.startswith("# PRD\n\n## Budget\n\n$5 a day\n\n## Problem statement\n\nASSUMPTION:")
        assert "- SEC-API-1: " in section(text, "Requirements")

    def test_a_template_of_ones_own(self, root: Path, tmp_path: Path) -> None:
        file = tmp_path / "set" / NAME
        file.parent.mkdir(parents=True)
        file.write_text("$CURRENT_DATETIME $PROJECT")
        of, folder = the_plan(), tmp_path / "set"
        text = prd.draft(root, of, values={"CURRENT_DATETIME": "today", "PROJECT": "x"}, folder=folder)
        assert text is not None
        assert text.startswith("today shop\n\n## ")
        with pytest.raises(InputError, match=f"{NAME}:1: the variable `CURRENT_DATETIME` has no value"):
            prd.draft(root, of, folder=folder)

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(st.lists(st.sampled_from(HOSTILE), max_size=12))
    def test_a_hostile_readme_is_one_harmless_line(self, root: Path, words: list[str]) -> None:
        """It makes no heading, no requirement and no variable of its own."""
        titles = re.findall(r"^## .*$", drafted(root), re.MULTILINE)
        (root / "README.md").write_text(" ".join(words))
        text = drafted(root)
        (root / "README.md").unlink()
        headings = [token for token in MarkdownIt().parse(text) if token.type == "heading_open"]
        assert len(headings) == 1 + len(titles)
        assert re.findall(r"^## .*$", text, re.MULTILINE) == titles
        assert "<b>" not in text
        assert not re.search(r"(?<!\w)@octo", text)


class TestReadmes:
    @pytest.mark.parametrize(
        ("name", "text", "paragraph"),
        [
            ("README.md", "# Shop\n\nSells *good*\n`things`.\n\nMore.\n", "Sells good things."),
            ("readme.markdown", "<h1>Shop</h1>\n\n[![a](b)](c) [![d](e)](f)\n\n---\n\nSells things.", "Sells things."),
            ("README.rst", "Shop\n====\n\n.. image:: a.svg\n\nSells things.\n", "Sells things."),
            ("README", "Sells [things](x).", "Sells things."),
            ("README.md", "[Docs](a) | [Site](b)\n\nSells things.", "Sells things."),
            ("README.md", "- a list\n\n> quoted words\n", ""),
            ("README.md", "# Only a title\n", ""),
            ("README.pdf", "Sells things.", ""),
            ("NOTES.md", "Sells things.", ""),
        ],
    )
    def test_its_first_paragraph(self, root: Path, name: str, text: str, paragraph: str) -> None:
        (root / name).write_text(text)
        assert manifests.readme(root) == ((name, paragraph) if paragraph else ("", ""))

    def test_one_that_leads_out_of_the_repository_is_not_read(self, root: Path) -> None:
        (root.parent / "secret").write_text("The key is 42.")
        (root / "README.md").symlink_to("../secret")
        assert manifests.readme(root) == ("", "")

    @pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * (1 << 20), b""])
    def test_one_that_is_no_text_says_nothing(self, root: Path, content: bytes) -> None:
        (root / "README.md").write_bytes(content)
        assert manifests.readme(root) == ("", "")


class TestManifests:
    @pytest.mark.parametrize(
        ("files", "gates"),
        [
            ({}, ""),
            ({"Makefile": "check: lint\nlint:\ntest:\n", "package.json": '{"scripts": {"test": "x"}}'}, "make check"),
            ({"Makefile": "test:\n\tx\nlint : a\n"}, "make lint && make test"),
            ({"Makefile": "check := 1\nall:\n", "go.mod": "module e.org/x\n"}, "go vet ./... && go test ./..."),
            (
                {"pyproject.toml": ALL},
                "ruff check . && mypy && pytest",
            ),
            ({"pyproject.toml": "[project]\n", "tests/x.py": ""}, "pytest"),
            (
                {"package.json": NODE, "yarn.lock": ""},
                "yarn run lint && yarn test",
            ),
            ({"package.json": '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}'}, ""),
            ({"composer.json": '{"scripts": {"test": ["phpunit"]}}'}, "composer test"),
            ({"pom.xml": "<project/>"}, "mvn verify"),
            ({"pom.xml": "<project/>", "mvnw": ""}, "./mvnw verify"),
            (
                {"Cargo.toml": "[workspace]\n", "package.json": '{"scripts": {"test": "x; rm -rf /"}}'},
                "npm test && cargo test",
            ),
        ],
    )
    def test_a_guess_at_the_quality_gates(self, root: Path, files: dict[str, str], gates: str) -> None:
        """Of our own words: what a file says is never run."""
        for name, text in files.items():
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_text(text)
        assert manifests.quality_gates(root) == gates

    @pytest.mark.parametrize(
        ("file", "text", "name", "description"),
        [
            ("pyproject.toml", '[project]\nname = "shop"\ndescription = "Sells"\n', "shop", "Sells"),
            ("pyproject.toml", '[tool.poetry]\nname = "shop"\ndescription = "Sells"\n', "shop", "Sells"),
            ("package.json", '{"name": "shop", "description": "Sells\\n things"}', "shop", "Sells things"),
            ("composer.json", '{"name": "acme/shop", "description": "Sells"}', "acme/shop", "Sells"),
            ("go.mod", "// x\nmodule example.org/shop\n\ngo 1.22\n", "example.org/shop", ""),
            (
                "pom.xml",
                "<project><parent><artifactId>boot</artifactId></parent><artifactId>shop</artifactId>"
                "<description>Sells &amp;\nbuys</description>"
                "<dependencies><dependency><name>x</name></dependency></dependencies></project>",
                "shop",
                "Sells & buys",
            ),
        ],
    )
    def test_what_a_package_says_of_itself(self, root: Path, file: str, text: str, name: str, description: str) -> None:
        (root / file).write_text(text)
        (found,) = manifests.manifests(root)
        assert (found.file, found.name, found.description) == (file, name, description)

    @pytest.mark.parametrize("file", PACKAGES)
    @pytest.mark.parametrize(
        "text",
        ["{", "[" * 100_000, "[]", '{"name": 1, "scripts": [1]}', "[project]\nname = [1]\n", "<name>" * 30_000, "\x00"],
    )
    def test_a_damaged_one_says_nothing_and_harms_nobody(self, root: Path, file: str, text: str) -> None:
        (root / file).write_text(text)
        (found,) = manifests.manifests(root)
        assert (found.name, found.description) == ("", "")
