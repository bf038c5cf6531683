# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a slow line does to bytes, without doing it: when may they leave, when do they arrive.

A token bucket: tokens, one a byte, come in at `rate` a second and are kept up to `burst`.
A piece leaves when there are as many as it is long, and takes them with it; it arrives
`delay` seconds later.  Whoever comes late (a sleep that took longer) finds the tokens of
the time that passed, so the rate is exact over time, and over any time t no more than
burst + rate * t bytes leave.
"""

BURST = 32768


class Shaper:
    """rate: bytes a second, 0 for no limit.  now is given by the caller, in seconds."""

    def __init__(self, rate=0, delay=0.0, burst=BURST, now=0.0):
        self.rate, self.delay, self.burst = rate, delay, burst
        self.tokens, self.at = float(burst), now

    def leave(self, length, now):
        """Take a piece of at most `burst` bytes; returns when its last byte has left.

        Pieces leave in the order in which they are given, so the answer never goes back.
        """
        if length > self.burst:
            raise ValueError(f"a piece of {length} bytes, and the bucket holds {self.burst}")
        if not self.rate:
            return now
        # The time of the piece before may be ahead of now: tokens are already spent then.
        start = max(now, self.at)
        self.tokens = min(self.burst, self.tokens + (start - self.at) * self.rate)
        self.at = start
        if self.tokens < length:
            self.at += (length - self.tokens) / self.rate
            self.tokens = float(length)
        self.tokens -= length
        return self.at

    def arrive(self, left):
        """When what left then is at the other end."""
        return left + self.delay
