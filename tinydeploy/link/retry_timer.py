"""When to repeat a request: RFC 6298's estimate of the round trip, a little longer each time."""

from __future__ import annotations

# RFC 6298 doubles, for networks that are full. A line that spoils bytes is no less likely to spoil
# the next ones after a rest: 1.25 is enough to reach the longest wait where the board is slow.
_GROWTH = 1.25


class RetryTimer:
    """Learns how long answers take on this line.

    Args:
        first_s: Seconds to wait before anything is known.
        most_s: Longest wait.
        least_s: Shortest wait: what a busy computer may take to look at its port.
    """

    def __init__(self, first_s: float, most_s: float, least_s: float = 0.03) -> None:
        self._first_s, self._most_s, self._least_s = first_s, most_s, least_s
        self._mean = self._deviation = 0.0
        self._known = False

    def wait_s(self, attempt: int) -> float:
        """Seconds to wait for the answer to the `attempt`-th sending of a request, from 0 on."""
        usual = max(self._mean + 4 * self._deviation, self._least_s)
        wait = usual if self._known else self._first_s
        return min(wait * _GROWTH ** min(attempt, 64), self._most_s)

    def learn(self, seconds: float) -> None:
        """Takes how long an answer took.

        Of a repeated request nobody knows which sending was answered (Karn's rule): it teaches
        nothing.
        """
        if self._known:
            self._deviation += (abs(seconds - self._mean) - self._deviation) / 4
            self._mean += (seconds - self._mean) / 8
        else:
            self._mean, self._deviation, self._known = seconds, seconds / 2, True
