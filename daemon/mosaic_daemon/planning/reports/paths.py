"""What is spelt like a path in a project, and what merely has a dot or a slash in it."""

from __future__ import annotations

import posixpath
import re

from mosaic_daemon.planning.reports import vocabulary

_EXTENSIONS = vocabulary.words(
    """
    ts tsx mts cts js jsx mjs cjs py pyi go rs java kt kts rb php cs c h cc cpp cxx hpp m mm swift scala sh bash
    zsh fish ps1 bat sql html htm css scss sass less vue svelte astro json jsonc json5 yaml yml toml md mdx rst
    txt xml ini cfg conf env lock prisma graphql gql proto tf tfvars hcl gradle properties ipynb ex exs erl hs
    lua pl dart groovy r jl sol zig nix csproj sln erb ejs hbs pug twig jinja j2 tpl template example dockerfile
    service timer mk cmake csv pem key sum mod
    """
)
#: Names of files without an extension.
BARE = vocabulary.words(
    """
    Dockerfile Makefile Jenkinsfile Gemfile Procfile Vagrantfile Rakefile CODEOWNERS LICENSE Containerfile
    Caddyfile Justfile .env .npmrc .gitignore .dockerignore .editorconfig .eslintrc .prettierrc .babelrc
    """
)
_PRODUCTS = re.compile(
    r"(?:node|vue|next|nuxt|express|react|angular|three|d3|ember|backbone|chart|moment|alpine|nest|asp)\.(?:js|net)",
    re.I,
)
_WORKSPACE = re.compile(r"(?:^|/)(?:apps|packages)/([^/:]+)(?:/|$)")


def is_path(word: str, following: str = "", *, is_field: bool = False) -> bool:
    """Whether a word is a path.

    Args:
        word: without spaces. following: the sign after it, which tells a call from a file.
        is_field: it stands where a place is expected, so a folder will do, or a file without an extension.
    """
    folder, _, name = word.replace("\\", "/").rpartition("/")
    if not name:
        return is_field and bool(folder.strip("./"))
    if name in BARE or name.startswith((".env.", "Dockerfile.")):
        return True
    stem, dot, extension = name.rpartition(".")
    if following == "(" or not any(sign.isalpha() for sign in name):
        return False
    if dot and stem and extension.lower() in _EXTENSIONS:
        return bool(folder) or not _PRODUCTS.fullmatch(name)
    return is_field and bool(folder) and not word.startswith("@")


def normal(path: str) -> str:
    """A path relative to the project, with `/`; nothing for what cannot be one."""
    # Above the root is nothing: whatever leads out of the project ends at its top.
    return posixpath.normpath("/" + path.replace("\\", "/").strip()).lstrip("/")


def component(path: str) -> str:
    """The workspace that a path is in: `api` of `apps/api/src/a.ts`."""
    match = _WORKSPACE.search(path)
    return match[1].lower() if match else ""
