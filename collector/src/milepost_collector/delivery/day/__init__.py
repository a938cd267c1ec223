"""The record of a vehicle's day: what was planned, what happened, and how good the data are.

The way of the data: `span` says when a day is, `figures` reckons what the fixes of it come to,
`building` puts them beside plans and events, `writing` makes files of it. Pure: the same fixes,
events and plans give the same record, and the same digest.
"""

from milepost_collector.delivery.day.building import DayRecord, DayStop, Visit, build
from milepost_collector.delivery.day.figures import Figures, Silence, figures_of
from milepost_collector.delivery.day.span import Span
from milepost_collector.delivery.day.writing import as_csv, as_geojson, as_gpx, as_json

__all__ = [
    "DayRecord",
    "DayStop",
    "Figures",
    "Silence",
    "Span",
    "Visit",
    "as_csv",
    "as_geojson",
    "as_gpx",
    "as_json",
    "build",
    "figures_of",
]
