"""An error that wanders: a first-order Gauss-Markov process, in steps of any length."""

import math
from random import Random


class Wander:
    """A value that forgets itself over some time, and always has the same spread.

    Attributes:
        value: The current one, in the unit of `sigma`.
    """

    def __init__(self, random: Random, sigma: float = 1.0, memory_s: float = 60.0) -> None:
        self._random = random
        self._sigma = sigma
        self._memory_s = memory_s
        self.value = random.gauss(0.0, sigma)

    def step(self, elapsed_s: float = 1.0, faster: float = 0.0) -> float:
        """Go on and return the new value.

        Args:
            elapsed_s: Since the last step.
            faster: Forget so many e-folds more than time alone makes it forget.
        """
        keep = math.exp(-elapsed_s / self._memory_s - faster)
        step = self._sigma * math.sqrt(1.0 - keep * keep)
        self.value = self.value * keep + self._random.gauss(0.0, step)
        return self.value
