"""How long a van stands at a stop: what a planner expects, and what it is."""

from random import Random

from milepost_firmware_sim.day.customers import Customer, StopKind

# Mean and spread (of the logarithm) by what is there.
_USUAL_S = {
    StopKind.HOUSE: (110.0, 0.4),
    StopKind.FLAT: (170.0, 0.45),
    StopKind.SHOP: (280.0, 0.5),
}
_PARCEL_S = 20.0
# Now and then nobody finds the key, or the lift is broken.
_LONG_SHARE = 0.03
_LONG_TIMES = (3.0, 6.0)
_LEAST_S = 35.0
# One driver is quicker than another, always.
_DRIVER_SIGMA = 0.2
# Nobody at home: a van stands until the card is written.
NOT_HOME_S = (70.0, 150.0)
# Left without anything handed over: somebody waits in vain for a place to stop.
LEFT_S = (65.0, 110.0)


def expected_s(kind: StopKind, parcels: int) -> float:
    """Return what a planner expects, in seconds."""
    return _USUAL_S[kind][0] + _PARCEL_S * (parcels - 1)


def draw_driver(random: Random) -> float:
    """Return how long a driver takes against others; about 1."""
    return random.lognormvariate(-_DRIVER_SIGMA * _DRIVER_SIGMA / 2.0, _DRIVER_SIGMA)


def draw_s(customer: Customer, parcels: int, driver: float, random: Random) -> tuple[float, bool]:
    """Return how long it takes a driver in seconds, and whether it takes unusually long."""
    _, sigma = _USUAL_S[customer.kind]
    mean_s = expected_s(customer.kind, parcels) * customer.level * driver
    seconds = mean_s * random.lognormvariate(-sigma * sigma / 2.0, sigma)
    is_long = random.random() < _LONG_SHARE
    if is_long:
        seconds *= random.uniform(*_LONG_TIMES)
    return max(seconds, _LEAST_S), is_long
