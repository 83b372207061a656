"""A JSON POST, with an HMAC of the body where a secret is shared."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mosaic_daemon.ground.errors import ConfigError, Unavailable
from mosaic_daemon.ground.secrets import Secret, redact, register
from mosaic_daemon.notifiers.base import Message

if TYPE_CHECKING:
    import httpx

SIGNATURE = "X-Mosaic-Signature-256"
DELIVERY = "X-Mosaic-Delivery"
_SILENCE_SEC = 10.0


class Webhook:
    """Delivered is any 2xx; a redirect is not followed.

    Args:
        secret: shared with the receiver; None: nothing proves the sender.

    Raises:
        ConfigError: this is no address of a webhook.
    """

    name = "the webhook of `notify.webhook_url`"

    def __init__(self, url: str, secret: Secret | None = None) -> None:
        parts = _parts(url)
        register(url)  # such addresses are often all that keeps others from posting there
        self._url = url
        self._host = parts
        self._secret = secret

    async def send(self, message: Message) -> None:
        """Raises Unavailable: nobody is there, or the answer is no 2xx."""
        import httpx  # noqa: PLC0415  # few have a webhook, and it is slow to import

        body = json.dumps({"text": message.text, **message.document}, ensure_ascii=False).encode("utf-8", "replace")
        headers = {"Content-Type": "application/json", "User-Agent": "mosaic-orchestrator"}
        headers[DELIVERY] = str(message.document.get("delivery") or "")
        if self._secret is not None:
            digest = hmac.new(self._secret.reveal().encode(), body, hashlib.sha256).hexdigest()
            headers[SIGNATURE] = f"sha256={digest}"
        try:
            async with httpx.AsyncClient(timeout=_SILENCE_SEC, follow_redirects=False) as client:
                status = await _posted(client, self._url, body, headers)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            said = redact(str(error)) or type(error).__name__
            raise Unavailable(f"{self._host} cannot be reached: {said}") from None
        if not 200 <= status < 300:
            raise Unavailable(f"{self._host} answers {status}")


async def _posted(client: httpx.AsyncClient, url: str, body: bytes, headers: dict[str, str]) -> int:
    """The status; what else the receiver says is not read."""
    async with client.stream("POST", url, content=body, headers=headers) as answer:
        return answer.status_code


def _parts(url: str) -> str:
    """Its host, fit to be shown."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"`notify.webhook_url` is no address: {error}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError("`notify.webhook_url` is no address", remedy="write it as https://example.org/hook")
    if parts.username or parts.password:
        raise ConfigError(
            "`notify.webhook_url` holds a password", remedy="share a secret: `notify.webhook_secret_file`"
        )
    return f"{host}:{port}" if port else host
