"""When a failed delivery is tried again, and when it is given up: decided from numbers alone."""

from dataclasses import dataclass

# An event whose schedule began anew again and again is given up after so many times its length.
_MOST_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a delivery is tried.

    Attributes:
        retry_s: After the n-th failure the next try is at a random moment within so many seconds
            ("full jitter"), so that what failed together does not come again together.
        probe_s: While nothing gets through to a receiver, it is tried at least about so often.
    """

    retry_s: tuple[float, ...]
    probe_s: float

    @property
    def total_s(self) -> float:
        """The longest that the schedule lasts."""
        return sum(self.retry_s)

    def delay_s(self, failures: int, draw: float) -> float:
        """Return the seconds until the next try.

        Args:
            failures: How often it failed, 1 or more.
            draw: Random, 0 to 1.
        """
        return self.retry_s[min(failures, len(self.retry_s)) - 1] * draw

    def probe_delay_s(self, failures: int, draw: float) -> float:
        """Return the seconds until a receiver to which nothing gets through is tried again.

        Args:
            failures: How often that failed, 1 or more.
            draw: Random, 0 to 1.
        """
        return min(self.retry_s[min(failures, len(self.retry_s)) - 1], self.probe_s) * draw

    def is_over(self, failures: int, waited_s: float, tried_s: float, *, is_down: bool) -> bool:
        """Whether a delivery that has failed is given up.

        What has waited behind others for the length of the schedule before its own first try gets
        one more and no schedule of its own: else a vehicle whose events are all refused would need
        days for each. What fails while the receiver is down is not given up for that.

        Args:
            failures: How often it failed, as counted.
            waited_s: From its queueing to its first try.
            tried_s: Since its first try.
            is_down: Whether nothing got through to the receiver before this try either.
        """
        if tried_s >= _MOST_ROUNDS * self.total_s + self.probe_s:
            return True
        if is_down:
            return False
        return failures > len(self.retry_s) or (failures > 1 and waited_s >= self.total_s)
