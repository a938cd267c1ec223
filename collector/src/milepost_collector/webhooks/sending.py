"""One POST to a receiver: to a checked address, within a time, and no more of the answer than a
little.

The name is looked up, all its addresses are checked, and the connection is made to one of them, not
to the name: a name that means another address a moment later (DNS rebinding) leads nowhere. The
`Host` header and the certificate that is asked for are those of the name. Redirects are not
followed, proxies of the environment are not used.
"""

import asyncio
import ssl
from collections.abc import Sequence

import httpx

from milepost_collector.clock import Clock
from milepost_collector.config import WebhooksConfig
from milepost_collector.webhooks.address import Address, Network, Target, refusal
from milepost_collector.webhooks.answer import Answer, error_of, retry_after_s
from milepost_collector.webhooks.message import Message, Signer
from milepost_collector.webhooks.resolving import ResolveError, Resolver
from milepost_schemas.fix import instant

# More of an answer is not read; it is for people who look for a fault.
MAX_BODY_BYTES = 4096

# Most servers close a connection that was quiet for 5 s; it should not be used just then.
_KEEP_ALIVE_S = 2.0

_USER_AGENT = "milepost-collector"


def tls_context() -> ssl.SSLContext:
    """Return what certificates of receivers are checked against.

    Those of the system (also `SSL_CERT_FILE` and `SSL_CERT_DIR`), where a company's own authority
    is, and those that come with the HTTP client, for machines that have none.
    """
    context = httpx.create_ssl_context()
    context.load_default_certs()
    return context


class Sender:
    """Sends to one URL, over connections that it keeps for a while.

    Args:
        target: The URL.
        config: What is allowed, and for how long.
        tls: From `tls_context`.
        clock: Our clock.
    """

    def __init__(
        self, target: Target, config: WebhooksConfig, tls: ssl.SSLContext, clock: Clock
    ) -> None:
        self._target = target
        self._allowed: Sequence[Network] = config.networks
        self._timeout_s = config.timeout_s
        self._clock = clock
        self._resolver = Resolver(target)
        limits = httpx.Limits(
            max_connections=config.parallel,
            max_keepalive_connections=config.parallel,
            keepalive_expiry=_KEEP_ALIVE_S,
        )
        # Without a client around it: nothing follows redirects, keeps cookies or asks for proxies.
        self._transport = httpx.AsyncHTTPTransport(verify=tls, limits=limits, trust_env=False)
        self._url = httpx.URL(target.url)
        self._headers = {
            "host": self._url.netloc.decode("ascii"),
            "user-agent": _USER_AGENT,
            "accept": "*/*",
            "accept-encoding": "identity",
        }
        self._server_name = self._url.raw_host.decode("ascii")

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def send(self, message: Message, signer: Signer) -> Answer:
        """Send a message, signed anew; whatever goes wrong is in the answer."""
        begun_s = self._clock.monotonic_s()
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._sent(message, signer, begun_s)
        except TimeoutError:
            answer = self._without_answer(begun_s, f"no answer within {self._timeout_s:g} s")
        except ResolveError as error:
            answer = self._without_answer(begun_s, str(error))
        except (httpx.HTTPError, httpx.StreamError, ssl.SSLError, OSError) as error:
            kind = type(error).__name__
            answer = self._without_answer(begun_s, f"{kind}: {str(error) or 'no reason given'}")
        return answer

    async def _sent(self, message: Message, signer: Signer, begun_s: float) -> Answer:
        addresses = await self._resolver.addresses(begun_s)
        refused = refusal(self._target, addresses, self._allowed)
        if refused:
            return self._without_answer(begun_s, refused, is_forbidden=True)
        # Each gets its share, so that one that swallows everything leaves time for the others.
        connect_s = self._timeout_s / len(addresses)
        for address in addresses[:-1]:
            try:
                return await self._posted(address, message, signer, connect_s, begun_s)
            except (httpx.ConnectError, httpx.ConnectTimeout):  # nothing was sent
                continue
        return await self._posted(addresses[-1], message, signer, connect_s, begun_s)

    async def _posted(
        self,
        address: Address,
        message: Message,
        signer: Signer,
        connect_s: float,
        begun_s: float,
    ) -> Answer:
        now = instant(self._clock.real_ms())
        request = httpx.Request(
            "POST",
            self._url.copy_with(host=str(address)),
            content=message.body,
            headers=self._headers | signer.headers(message, now),
            extensions={
                "sni_hostname": self._server_name,
                "timeout": httpx.Timeout(self._timeout_s, connect=connect_s).as_dict(),
            },
        )
        response = await self._transport.handle_async_request(request)
        try:
            body = await _beginning(response)
        finally:
            await response.aclose()
        headers = response.headers
        return Answer(
            response.status_code,
            self._clock.monotonic_s() - begun_s,
            body,
            error_of(response.status_code, response.reason_phrase, headers.get("location")),
            retry_after_s(headers.get("retry-after"), now),
        )

    def _without_answer(self, begun_s: float, error: str, *, is_forbidden: bool = False) -> Answer:
        took_s = self._clock.monotonic_s() - begun_s
        text = " ".join(error.split())[:500]
        return Answer(None, took_s, error=text, is_forbidden=is_forbidden)


async def _beginning(response: httpx.Response) -> bytes:
    """Read the beginning of an answer; one that is longer ends its connection."""
    body = b""
    async for part in response.aiter_raw():
        body += part
        if len(body) >= MAX_BODY_BYTES:
            break
    return body[:MAX_BODY_BYTES]
