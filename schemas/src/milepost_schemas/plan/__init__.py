"""Plans: which vehicle goes where on a day, in which order, and what it brings to whom."""

from milepost_schemas.plan.plan import (
    Contact,
    Depot,
    Order,
    Place,
    Plan,
    Stop,
    Window,
)
from milepost_schemas.plan.reader import PlanError, Problem
from milepost_schemas.plan.reading import read_order, read_plan, read_stop
from milepost_schemas.plan.writing import write_order, write_plan, write_stop

__all__ = [
    "Contact",
    "Depot",
    "Order",
    "Place",
    "Plan",
    "PlanError",
    "Problem",
    "Stop",
    "Window",
    "read_order",
    "read_plan",
    "read_stop",
    "write_order",
    "write_plan",
    "write_stop",
]
