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
from milepost_schemas.plan.reading import PlanError, Problem, read_plan
from milepost_schemas.plan.writing import write_plan

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
    "read_plan",
    "write_plan",
]
