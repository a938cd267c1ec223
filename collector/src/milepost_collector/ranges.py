"""Numbers within limits: what rules, of whatever kind, say of a value that they cannot take."""

import math


def fault(value: object, low: float, high: float) -> str | None:
    """Say what is wrong with a value; None: it is a number from `low` to `high`.

    Compared, not `math.isfinite`: JSON may write a whole number that no float can hold.
    """
    if type(value) not in (int, float) or not math.inf > value > -math.inf:  # type: ignore[operator]
        return "is no number"
    if not low <= value <= high:  # type: ignore[operator]
        return f"is not from {low:g} to {high:g}"
    return None
