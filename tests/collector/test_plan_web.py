"""Plans and orders over HTTP: what is put, edited and asked, and how the rest is refused."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from milepost_schemas.plan import read_plan
from tests.collector.plans import causes, plan_value, stop_value
from tests.collector.web_server import served
from tests.fixtures.servers import FreshDatabase

Client = httpx.AsyncClient


def talk(database: FreshDatabase, work: Callable[[Client], Awaitable[None]]) -> None:
    """Let a client talk to the real server over a database."""

    async def once() -> None:
        async with served(database.dsn) as client:
            await work(client)

    asyncio.run(once())


def kinds(changed: dict[str, Any]) -> list[tuple[str, str | None]]:
    """Return kinds and stops of what was recorded."""
    return [(each["kind"], each["stop"]) for each in changed["changes"]]


def test_plan_is_made_once_and_read_back(plain_database: FreshDatabase) -> None:
    """201, then 200 and no change; what is read is what was put, and can be put as it is."""
    value = plan_value(3)

    async def work(client: Client) -> None:
        made = await client.put("/v1/plans/p1", json=value)
        assert (made.status_code, made.json()["version"]) == (201, 1)
        assert kinds(made.json())[0] == ("plan.made", None)
        again = await client.put("/v1/plans/p1", json=value)
        assert (again.status_code, again.json()["changes"]) == (200, [])
        found = (await client.get("/v1/plans/p1")).json()
        assert read_plan(found["plan"]) == read_plan(value)
        assert [each["state"] for each in found["stops"]] == ["pending"] * 3
        del found["plan"]["id"]  # which the address says
        back = await client.put("/v1/plans/p1", json=found["plan"])
        assert (back.status_code, back.json()["changes"]) == (200, [])
        (listed,) = (await client.get("/v1/plans?vehicle=van-1&date=2026-11-19")).json()["plans"]
        assert (listed["id"], listed["stops"], listed["finished"]) == ("p1", 3, 0)
        assert (await client.get("/v1/plans?date=2026-11-20")).json() == {"plans": []}
        assert (await client.get("/v1/plans?vehicle=van-2")).json() == {"plans": []}

    talk(plain_database, work)


def test_plan_that_is_none_is_refused_with_all_that_is_wrong(plain_database: FreshDatabase) -> None:
    """Each problem where it stands; nothing is stored."""
    value = plan_value(2)
    value["stops"][0]["radius_m"] = 5
    value["stops"][1]["window"]["to"] = "tomorrow"
    value["colour"] = "red"
    value["id"] = "p2"

    async def work(client: Client) -> None:
        answer = await client.put("/v1/plans/p1", json=value)
        assert answer.status_code == 400
        told = answer.json()
        assert [each["where"] for each in told["problems"]] == [
            "colour",
            "stops[0].radius_m",
            "stops[1].window.to",
        ]
        assert told["error"].endswith("2 more problems")
        other = await client.put("/v1/plans/p1", json=plan_value(1, name="p2"))
        assert other.json()["problems"][0]["where"] == "id"
        address = plan_value(1)
        del address["stops"][0]["lat_deg"], address["stops"][0]["lon_deg"]
        unfound = await client.put("/v1/plans/p1", json=address)
        assert unfound.status_code == 400
        assert "no [geocoder] is configured" in unfound.json()["problems"][0]["what"]
        assert (await client.get("/v1/plans")).json() == {"plans": []}

    talk(plain_database, work)


@pytest.mark.parametrize(
    ("content", "kind", "status", "error"),
    [
        (b"{}", "text/plain", 415, "Content-Type 'text/plain' is not application/json, in UTF-8"),
        (b"{}", "application/json; charset=latin-1", 415, "is not application/json"),
        (b"", "application/json", 400, "the body is no JSON"),
        (b'{"a": NaN}', "application/json", 400, "the body is no JSON"),
        (b"\xff", "application/json", 400, "the body is no JSON"),
        (b"[" * 900_000, "application/json", 400, "the body is no JSON"),
        (b'"' + b"x" * 1_000_000, "application/json", 413, "larger than 1000000 bytes"),
        (b"[]", "application/json; charset=UTF-8", 400, "[] is not a JSON object"),
        (b"17", "application/json", 400, "17 is not"),
    ],
)
def test_body_that_is_none_is_refused(
    plain_database: FreshDatabase, content: bytes, kind: str, status: int, error: str
) -> None:
    """By its size, what it says it is, and what it is; wherever a body is taken."""

    async def work(client: Client) -> None:
        for method, path in (
            ("PUT", "/v1/plans/p1"),
            ("POST", "/v1/plans/p1/edits"),
            ("PUT", "/v1/plans/p1/stops/s1/state"),
            ("PUT", "/v1/orders/o1"),
        ):
            headers = {"Content-Type": kind}
            answer = await client.request(method, path, content=content, headers=headers)
            assert answer.status_code == status, path
            assert error in answer.json()["error"] or path.endswith("edits")

    talk(plain_database, work)


def test_edits_are_made_and_told(plain_database: FreshDatabase) -> None:
    """Insert, drop, reorder, move; the record says what was done and by which request."""

    async def work(client: Client) -> None:
        await client.put("/v1/plans/p1", json=plan_value(3))
        await client.put("/v1/plans/p2", json=plan_value(1, name="p2", prefix="x"))

        async def edit(**body: Any) -> list[list[tuple[str, str | None]]]:
            answer = await client.post("/v1/plans/p1/edits", json=body)
            assert answer.status_code == 200, answer.text
            return [kinds(each) for each in answer.json()["plans"]]

        assert await edit(edit="insert", stop=stop_value(7), before="s1") == [
            [("stop.inserted", "s7"), ("order.made", "s7"), ("order.placed", "s7")]
        ]
        assert await edit(edit="drop", stop="s3") == [[("stop.dropped", "s3")]]
        assert await edit(edit="reorder", stops=["s2", "s1", "s7"]) == [[("stops.reordered", None)]]
        assert await edit(edit="move", stop="s7", to="p2", before=None) == [
            [("stop.moved_away", "s7")],
            [("stop.moved_here", "s7"), ("order.placed", "s7")],
        ]
        record = (await client.get("/v1/plans/p1/changes?after=10")).json()
        assert [each["kind"] for each in record["changes"]][-1] == "stop.moved_away"
        assert record["next"] == record["changes"][-1]["n"]
        assert {each["input"] for each in record["changes"]} == {"POST /v1/plans/p1/edits"}
        assert {each["source"] for each in record["changes"]} == {"dispatcher"}

    talk(plain_database, work)
    assert set(causes(plain_database).values()) == {None}


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"edit": "swap"}, 400, "'swap' is not an object whose `edit` is one of insert, drop"),
        ({"edit": "drop"}, 400, "stop: is missing"),
        ({"edit": "drop", "stop": "s1", "why": "so"}, 400, "why: unknown field"),
        ({"edit": "drop", "stop": "s9"}, 404, "plan p1 has no stop s9"),
        ({"edit": "insert", "stop": {"id": "s7"}}, 400, "has neither lat_deg and lon_deg nor"),
        ({"edit": "insert", "stop": stop_value(1)}, 409, "stop s1 is in plan p1 already"),
        ({"edit": "move", "stop": "s1", "to": "p9"}, 404, "there is no plan p9"),
        ({"edit": "reorder", "stops": ["s1"]}, 409, "s2 are missing"),
        ({"edit": "reorder", "stops": [5]}, 400, "stops[0]: 5 is not an id"),
    ],
)
def test_edit_that_cannot_be_made_says_why(
    plain_database: FreshDatabase, body: dict[str, Any], status: int, error: str
) -> None:
    """400 where it is none, 404 where something is unknown, 409 where things stand against it."""

    async def work(client: Client) -> None:
        await client.put("/v1/plans/p1", json=plan_value(2))
        answer = await client.post("/v1/plans/p1/edits", json=body)
        assert (answer.status_code, error in answer.json()["error"]) == (status, True), answer.text

    talk(plain_database, work)


def test_illegal_change_is_refused_with_those_that_are_allowed(
    plain_database: FreshDatabase,
) -> None:
    """409 and `allowed`; the same state again changes nothing; attempts are counted."""
    path = "/v1/plans/p1/stops/s1/state"

    async def work(client: Client) -> None:
        await client.put("/v1/plans/p1", json=plan_value(2))

        async def put(status: int, **body: Any) -> Any:
            answer = await client.put(path, json=body)
            assert answer.status_code == status, answer.text
            return answer.json()

        refused = await put(409, state="returned")
        assert refused["allowed"] == [
            *("arrived", "completed", "en_route", "incident", "skipped"),
        ]
        assert "pending and cannot become returned" in refused["error"]
        await put(400, state="incident")
        await put(400, state="asleep")
        await put(400, state="incident", incident={"kind": "dog"})
        incident = {"kind": "not_home", "note": "a red door"}
        await put(200, state="incident", incident=incident)
        assert (await put(200, state="pending"))["changes"][0]["said"]["attempts"] == 2
        await put(200, state="completed")
        assert (await put(200, state="completed"))["changes"] == []
        assert (await put(409, state="pending"))["allowed"] == []
        stop = (await client.get("/v1/plans/p1")).json()["stops"][0]
        assert (stop["state"], stop["attempts"]) == ("completed", 2)
        assert stop["incident"] == {**incident, "photo": None}
        order = (await client.get("/v1/orders/o1")).json()
        assert (order["state"], order["at"]["state"]) == ("delivered", "completed")
        gone = plan_value(2)
        del gone["stops"][0]
        assert (await client.put("/v1/plans/p1", json=gone)).status_code == 409
        for unknown in ("/v1/plans/p9/stops/s1/state", "/v1/plans/p1/stops/s9/state"):
            answer = await client.put(unknown, json={"state": "skipped"})
            assert answer.status_code == 404

    talk(plain_database, work)


def test_request_with_a_key_is_done_once(plain_database: FreshDatabase) -> None:
    """The same request is answered the same, another one with its key 422; what failed may come."""
    insert = {"edit": "insert", "stop": stop_value(7)}
    headers = {"Idempotency-Key": "tablet-4.17"}

    async def work(client: Client) -> None:
        early = await client.post("/v1/plans/p1/edits", json=insert, headers=headers)
        assert early.status_code == 404
        await client.put("/v1/plans/p1", json=plan_value(2))
        answers = await asyncio.gather(
            *(client.post("/v1/plans/p1/edits", json=insert, headers=headers) for _ in range(4))
        )
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.text for answer in answers}) == 1
        other = {"edit": "drop", "stop": "s1"}
        reused = await client.post("/v1/plans/p1/edits", json=other, headers=headers)
        assert reused.status_code == 422
        record = (await client.get("/v1/plans/p1/changes?limit=1000")).json()
        assert [each["kind"] for each in record["changes"]].count("stop.inserted") == 3
        assert record["changes"][-1]["input"] == "POST /v1/plans/p1/edits key=tablet-4.17"
        refused = await client.post(
            "/v1/plans/p1/edits", json=other, headers={"Idempotency-Key": "a b"}
        )
        assert "Idempotency-Key='a b' is not a key" in refused.json()["error"]

    talk(plain_database, work)


def test_order_is_where_it_is_from_the_moment_it_is_known(plain_database: FreshDatabase) -> None:
    """Before any plan by its own state, then at its stop, with the stops before it."""

    async def work(client: Client) -> None:
        assert (await client.get("/v1/orders/o2")).status_code == 404
        body = {"parcels": ["k2"], "contact": {"name": "Ada"}, "state": "packed"}
        assert (await client.put("/v1/orders/o2", json=body)).status_code == 201
        alone = (await client.get("/v1/orders/o2")).json()
        assert (alone["state"], alone["at"]) == ("packed", None)
        assert alone["order"] == {"id": "o2", "parcels": ["k2"], "contact": {"name": "Ada"}}
        assert (await client.put("/v1/orders/o2", json=body)).json()["changes"] == []
        assert (await client.put("/v1/orders/o2", json={"state": "sold"})).status_code == 400
        unpacked = await client.put("/v1/orders/o2", json={**body, "state": "ordered"})
        assert unpacked.status_code == 409
        assert "loaded" in unpacked.json()["allowed"]
        await client.put("/v1/plans/p1", json=plan_value(3))
        at = (await client.get("/v1/orders/o2")).json()["at"]
        assert (at["plan"], at["vehicle"], at["date"]) == ("p1", "van-1", "2026-11-19")
        assert (at["stop"], at["state"], at["stops_before"]) == ("s2", "pending", 1)

    talk(plain_database, work)


def test_methods_that_are_not_there_are_refused(plain_database: FreshDatabase) -> None:
    """405 with those that are; HEAD is as GET."""

    async def work(client: Client) -> None:
        answer = await client.delete("/v1/plans/p1")
        assert answer.status_code == 405
        assert {each.strip() for each in answer.headers["allow"].split(",")} == {
            *("GET", "HEAD", "PUT"),
        }
        assert (await client.head("/v1/plans")).status_code == 200

    talk(plain_database, work)
