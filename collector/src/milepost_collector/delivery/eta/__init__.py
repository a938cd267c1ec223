"""When a vehicle will be at its remaining stops, and how sure that is.

Pure: no I/O, no clock. `route` holds what flows in, `course` measures a route once; `sums`, `book`
and `ladder` are what is learned of finished days, `estimates` what a book says today, `outlook`
what that means for a route, `pace` how today compares, `walk` adds up, `forecast` tells the times,
`calibration` makes the stated coverage true. `day` is a finished day, `learning` takes it into a
book; `baselines` and `backtest` measure forecasts on days that they had not learned from.
"""

from milepost_collector.delivery.eta.book import Book
from milepost_collector.delivery.eta.course import Course, measured
from milepost_collector.delivery.eta.estimates import Estimates
from milepost_collector.delivery.eta.forecast import Eta, forecast
from milepost_collector.delivery.eta.outlook import Outlook
from milepost_collector.delivery.eta.route import Call, Position, Route, Visit
from milepost_collector.delivery.eta.walk import Now

__all__ = [
    "Book",
    "Call",
    "Course",
    "Estimates",
    "Eta",
    "Now",
    "Outlook",
    "Position",
    "Route",
    "Visit",
    "forecast",
    "measured",
]
