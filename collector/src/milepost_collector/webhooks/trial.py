"""Whether a webhook may go to a URL, and whether its receiver takes a test: asked by a person."""

import asyncio
from collections.abc import Sequence

from milepost_collector.clock import Clock
from milepost_collector.config import WebhooksConfig
from milepost_collector.webhooks.address import ForbiddenError, UrlError, refusal
from milepost_collector.webhooks.answer import Answer
from milepost_collector.webhooks.message import Signer, make_test_message
from milepost_collector.webhooks.resolving import ResolveError, resolve
from milepost_collector.webhooks.sending import Sender, tls_context
from milepost_collector.webhooks.url import parse_url


async def check_url(url: str, config: WebhooksConfig) -> None:
    """Check that a webhook may go to a URL, as its host's name is now.

    Raises:
        UrlError: It cannot be read, or its host has no address.
        ForbiddenError: One of its addresses is not allowed.
    """
    target = parse_url(url)
    try:
        addresses = await asyncio.to_thread(resolve, target)
    except ResolveError as error:
        raise UrlError(f"URL {url}: {error}") from None
    refused = refusal(target, addresses, config.networks)
    if refused:
        raise ForbiddenError(refused)


async def try_out(
    url: str, secrets: Sequence[str], config: WebhooksConfig, clock: Clock, cursor: str
) -> Answer:
    """Send a test event now, once.

    Args:
        url: Where to.
        secrets: What to sign with.
        config: What is allowed, and for how long.
        clock: Our clock.
        cursor: A place in the feed from which a receiver could go on.

    Raises:
        UrlError: The URL cannot be read.
        ForbiddenError: One of its addresses is not allowed.
    """
    sender = Sender(parse_url(url), config, tls_context(), clock)
    try:
        answer = await sender.send(make_test_message(clock.now_ms(), cursor), Signer(secrets))
    finally:
        await sender.close()
    if answer.is_forbidden:
        raise ForbiddenError(answer.error)
    return answer
