"""The way to the server and back.

`uplink` decides with the delivery protocol's sender what goes out and reads what comes back, `link`
is paho and its thread, `trust` judges the broker's certificate.
"""

from milepost_agent.uplink.trust import TrustError
from milepost_agent.uplink.uplink import Uplink, UplinkError

__all__ = ["TrustError", "Uplink", "UplinkError"]
