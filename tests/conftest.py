"""What all tests share: real servers, a look at every event that is made, patience."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from milepost_collector.engine.telling import Telling
from milepost_schemas.event import Event
from tests.schemas.described import assert_all_described

pytest_plugins = ["tests.fixtures.servers"]

# How fast examples are says how busy the machine is, and nothing of what is tested.
settings.register_profile(
    "milepost", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("milepost")


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
