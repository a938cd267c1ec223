"""The types of desk events, for who describes or chooses them."""

from milepost_collector.delivery.desk.claims import PLAN_TYPES
from milepost_collector.delivery.desk.hearing import VEHICLE_TYPES

DESK_TYPES = (*PLAN_TYPES, *VEHICLE_TYPES)
