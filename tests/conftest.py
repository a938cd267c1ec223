"""What all tests share: the fixtures of real servers, and a look at every event that is made."""

from collections.abc import Iterator

import pytest

from milepost_collector.engine.telling import Telling
from milepost_schemas.event import Event
from tests.schemas.described import assert_all_described

pytest_plugins = ["tests.fixtures.servers"]


@pytest.fixture(autouse=True, scope="session")
def described_events() -> Iterator[None]:
    """Hold whatever the engine tells in this process against the schema of events."""
    told = Telling.events

    def looked_at(telling: Telling) -> list[Event]:
        events = told(telling)
        assert_all_described(events)
        return events

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Telling, "events", looked_at)
        yield
