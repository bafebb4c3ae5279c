"""A made-up clock, for tests of timing that are exact and do not wait."""

# Times are sums of powers of two, so that the clock adds and subtracts them to the digit.
LONG = 2.0**-3
"""Seconds of a call that is sampled alone, and whose eight warm-up calls of a second fit any budget below."""


class Clock:
    """A clock that stands still unless somebody spends time."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def spend(self, seconds: float) -> None:
        self.now += seconds
