"""From a host's name to its addresses.

A look-up cannot be cancelled and may take half a minute, so each resolver has a thread for one of
its own: a name server that is slow for one receiver costs the others nothing.
"""

import asyncio
import socket
import threading
from ipaddress import ip_address

from milepost_collector.webhooks.address import Address, Target, literal_address

# For so long an answer is used again. What is connected to is always an address that was checked,
# so a name that means another one meanwhile changes nothing.
_FRESH_S = 10.0


class ResolveError(OSError):
    """A host's name has no address, or nobody says which."""


def resolve(target: Target) -> list[Address]:
    """Return the addresses of a URL's host, the one to try first first; waits.

    Raises:
        ResolveError: There are none.
    """
    literal = literal_address(target.host)
    if literal is not None:
        return [literal]
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ResolveError(f"host {target.host!r} has no address: {cause}") from None
    return list(dict.fromkeys(ip_address(str(entry[4][0])) for entry in found))


class Resolver:
    """Looks up the host of one URL, one look-up at a time.

    Args:
        target: The URL.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._known: list[Address] = []
        self._fresh_until_s = float("-inf")
        self._running: asyncio.Future[list[Address]] | None = None

    async def addresses(self, now_s: float) -> list[Address]:
        """Return the addresses.

        Args:
            now_s: Monotonic.

        Raises:
            ResolveError: There are none.
        """
        if now_s < self._fresh_until_s:
            return self._known
        if self._running is None or self._running.done():
            self._running = self._begin()
        # Whoever gives up waiting leaves it to the next one.
        self._known = await asyncio.shield(self._running)
        self._fresh_until_s = now_s + _FRESH_S
        return self._known

    def _begin(self) -> "asyncio.Future[list[Address]]":
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Address]] = loop.create_future()
        # An error that nobody waits for any more is nobody's.
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())

        def tell(found: list[Address] | ResolveError) -> None:
            if isinstance(found, ResolveError):
                answer.set_exception(found)
            else:
                answer.set_result(found)

        def look_up() -> None:
            try:
                found: list[Address] | ResolveError = resolve(self._target)
            except ResolveError as error:
                found = error
            if not loop.is_closed():
                loop.call_soon_threadsafe(tell, found)

        threading.Thread(target=look_up, daemon=True).start()
        return answer
