"""A route with all that is known of it: method, path, parameters, body, answers.

A handler reads the parameters that its endpoint declares and no others, and a request that says
anything else is refused: so what is described is what is.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from milepost_collector.clock import Clock
from milepost_collector.feed.tail import Tail
from milepost_collector.planning.geocoder import Geocoder
from milepost_collector.store.pool import Pool
from milepost_collector.web.body import Body, Brought
from milepost_collector.web.parameters import In, Parameter
from milepost_collector.web.reply import RequestError

T = TypeVar("T")


class Method(StrEnum):
    """What is done to what a path names."""

    GET = "GET"
    PUT = "PUT"
    POST = "POST"


class Asked:
    """A request, through the parameters of its endpoint.

    Attributes:
        pool: Connections to the database.
        tail: The end of the feed.
        clock: Our time.
        geocoder: What finds addresses; None: none is configured.
        head_only: Whether only the head of the answer is wanted.
        method: Of the request.
    """

    def __init__(
        self,
        request: Request,
        declared: tuple[Parameter[Any], ...],
        brought: Brought | None = None,
    ) -> None:
        self._request = request
        self._declared = declared
        self.pool: Pool = request.app.state.pool
        self.tail: Tail = request.app.state.tail
        self.clock: Clock = request.app.state.clock
        self.geocoder: Geocoder | None = request.app.state.geocoder
        self.method = request.method
        self._brought = brought
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

    @property
    def path(self) -> str:
        """The path of the request, as it came."""
        return self._request.url.path

    @property
    def body(self) -> Brought:
        """What the request has brought.

        Raises:
            LookupError: The endpoint takes no body.
        """
        if self._brought is None:
            raise LookupError("no body is declared")
        return self._brought


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
        method: What is done to what the path names.
        body: What the request brings; None: nothing.
        makes: Whether it answers 201, in the same form, where it has made something.
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
    method: Method = Method.GET
    body: Body | None = None
    makes: bool = False

    async def answer(self, request: Request) -> Response:
        """Answer a request.

        Raises:
            RequestError: It says something that is not described.
        """
        self._refuse_others(request)
        brought = None if self.body is None else await self.body.read(request)
        return await self.handler(Asked(request, self.parameters, brought))

    def _refuse_others(self, request: Request) -> None:
        known = {each.name: each for each in self.parameters if each.stands is In.QUERY}
        for name in request.query_params:
            times = len(request.query_params.getlist(name))
            if name not in known:
                right = f"known are {', '.join(known)}" if known else "there are none here"
                raise RequestError(400, f"there is no parameter {name[:100]!r}: {right}")
            if times > known[name].most:
                raise RequestError(400, f"{name} is given {times} times, not {known[name].most}")


def routes(endpoints: Sequence[Endpoint]) -> list[Route]:
    """Return the routes of endpoints for the application: one for each path."""
    by_path: dict[str, list[Endpoint]] = {}
    for each in endpoints:
        by_path.setdefault(each.path, []).append(each)
    return [_route(path, own) for path, own in by_path.items()]


def _route(path: str, endpoints: list[Endpoint]) -> Route:
    by_method = {each.method.value: each for each in endpoints}

    async def answer(request: Request) -> Response:
        method = Method.GET.value if request.method == "HEAD" else request.method
        return await by_method[method].answer(request)

    return Route(path, answer, methods=list(by_method))
