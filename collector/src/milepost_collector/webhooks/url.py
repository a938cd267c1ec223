"""Reading the URL of a webhook."""

import httpx

from milepost_collector.webhooks.address import Target, UrlError

_MAX_URL = 2_000


def parse_url(text: str) -> Target:
    """Read a webhook's URL.

    Raises:
        UrlError: It is no http or https URL, or holds what it should not.
    """
    shown = repr(text[:200])
    if len(text) > _MAX_URL:
        raise UrlError(f"URL {shown}... is longer than {_MAX_URL} characters")
    try:
        url = httpx.URL(text)
        host, port = url.host, url.port
        url.raw_host.decode("ascii")
    except (httpx.InvalidURL, ValueError) as error:
        raise UrlError(f"URL {shown} cannot be read: {error}") from None
    if url.scheme not in ("http", "https"):
        raise UrlError(f"URL {shown} is neither http nor https")
    if not host or any(letter.isspace() for letter in text):
        raise UrlError(f"URL {shown} names no host" if not host else f"URL {shown} holds a space")
    if url.userinfo:
        raise UrlError(
            f"URL of host {host} holds a user or password, which would stand in lists and logs"
        )
    if url.fragment or text.endswith("#"):
        raise UrlError(f"URL {shown} has a fragment, which is never sent")
    if port is not None and not 1 <= port <= 65_535:
        raise UrlError(f"URL {shown} has port {port}, which is none of 1 to 65535")
    return Target(text, url.scheme, host, port or {"http": 80, "https": 443}[url.scheme])
