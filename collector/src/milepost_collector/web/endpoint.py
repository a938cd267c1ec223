"""A route with all that is known of it: path, parameters, answers.

A handler reads the parameters that its endpoint declares and no others, and a request that says
anything else is refused: so what is described is what is.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from milepost_collector.clock import Clock
from milepost_collector.feed.tail import Tail
from milepost_collector.store.pool import Pool
from milepost_collector.web.parameters import In, Parameter
from milepost_collector.web.reply import RequestError

T = TypeVar("T")


class Asked:
    """A request, through the parameters of its endpoint.

    Attributes:
        pool: Connections to the database.
        tail: The end of the feed.
        clock: Our time.
        head_only: Whether only the head of the answer is wanted.
    """

    def __init__(self, request: Request, declared: tuple[Parameter[Any], ...]) -> None:
        self._request = request
        self._declared = declared
        self.pool: Pool = request.app.state.pool
        self.tail: Tail = request.app.state.tail
        self.clock: Clock = request.app.state.clock
        self.head_only = request.method == "HEAD"

    def __getitem__(self, parameter: Parameter[T]) -> T:
        """Read a parameter.

        Raises:
            RequestError: It cannot be read.
            LookupError: The endpoint does not declare it.
        """
        if parameter not in self._declared:
            raise LookupError(f"{parameter.name} is not declared")
        return parameter.of(self._request)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A route.

    Attributes:
        path: With `{name}` for its path parameters.
        handler: What answers.
        summary: One line.
        description: More; CommonMark.
        gives: The type of the answer.
        media_type: Of the answer.
        parameters: All that a request may say.
        refuses: Its own statuses of 4xx, each with the type of its answer.
        asks_database: Whether it can find the database away.
    """

    path: str
    handler: Callable[[Asked], Awaitable[Response]]
    summary: str
    gives: type
    description: str = ""
    media_type: str = "application/json"
    parameters: tuple[Parameter[Any], ...] = ()
    refuses: dict[int, type] = field(default_factory=dict)
    asks_database: bool = True

    def route(self) -> Route:
        """Return it for the application."""
        return Route(self.path, self._answer, methods=["GET"])

    async def _answer(self, request: Request) -> Response:
        self._refuse_others(request)
        return await self.handler(Asked(request, self.parameters))

    def _refuse_others(self, request: Request) -> None:
        known = {each.name: each for each in self.parameters if each.stands is In.QUERY}
        for name in request.query_params:
            times = len(request.query_params.getlist(name))
            if name not in known:
                right = f"known are {', '.join(known)}" if known else "there are none here"
                raise RequestError(400, f"there is no parameter {name[:100]!r}: {right}")
            if times > known[name].most:
                raise RequestError(400, f"{name} is given {times} times, not {known[name].most}")
