"""One writer of plans at a time, and who it is."""

from dataclasses import dataclass
from datetime import datetime

from milepost_collector.delivery.source import Source
from milepost_collector.store.connection import AsyncDatabase


@dataclass(frozen=True, slots=True)
class By:
    """By whom a change is made.

    Attributes:
        source: Who or what.
        input: Which request, event, tap, or line of a file; nothing personal.
        at: Our time.
    """

    source: Source
    input: str
    at: datetime


async def lock_plans(database: AsyncDatabase) -> None:
    """Wait until nobody else changes plans; until the transaction ends nobody can.

    Raises:
        OperationalError: Somebody did for 2 s (`connection.LOST`): try again.
    """
    await database.execute("SELECT FROM plan_counter FOR UPDATE")
