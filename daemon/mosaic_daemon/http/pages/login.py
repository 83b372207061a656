"""Where a browser shows the token once, and gets a session for it."""

from __future__ import annotations

import anyio

from mosaic_daemon.http.access import SESSION_SEC, WRONG_TOKEN_SEC
from mosaic_daemon.http.messages import Problem, Request, Response, see_other
from mosaic_daemon.http.pages.html import tag
from mosaic_daemon.http.pages.shell import document
from mosaic_daemon.http.routing import form
from mosaic_daemon.http.site import Site, View


def shown(view: View, request: Request) -> Response:
    place = request.query.get("next", "/")
    where = view.layout.http_token
    body = tag(
        "body",
        tag(
            "main",
            tag("h1", view.layout.repo.name),
            tag(
                "form",
                tag("label", "Token", for_="token"),
                tag(
                    "input",
                    id="token",
                    name="token",
                    type="password",
                    autocomplete="current-password",
                    required=True,
                    autofocus=True,
                ),
                tag("input", type="hidden", name="next", value=place),
                tag("button", "Log in"),
                method="post",
                action="/login",
                class_="login",
            ),
            tag(
                "p",
                "It is in ",
                tag("code", where.relative_to(view.layout.repo)),
                " unless ",
                tag("code", "http.token_file"),
                " names another.",
                class_="dim",
            ),
            class_="narrow",
        ),
    )
    return document(f"Log in · {view.layout.repo.name}", body)


async def entered(site: Site, request: Request) -> Response:
    """The session as a cookie. What asks over TLS gets one that is only sent over TLS.

    Raises:
        Problem: it is another token.
    """
    if not site.access.is_token(form(request).get("token", "").strip()):
        await anyio.sleep(WRONG_TOKEN_SEC)
        raise Problem(401, "this is not the token")
    secure = "; Secure" if request.headers.get("origin", "").startswith("https://") else ""
    session = site.access.new_session()
    cookie = f"{site.access.cookie}={session}; Path=/; HttpOnly; SameSite=Strict; Max-Age={SESSION_SEC}{secure}"
    place = form(request).get("next", "/")
    return see_other(place if _is_ours(place) else "/", {"Set-Cookie": cookie})


async def ended(site: Site, request: Request) -> Response:
    return see_other("/login", {"Set-Cookie": f"{site.access.cookie}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"})


def _is_ours(place: str) -> bool:
    """Whether it is a path here: `//host` and `/\\host` are addresses of other hosts to a browser."""
    return place.startswith("/") and not place.startswith(("//", "/\\")) and place.isascii() and place.isprintable()
