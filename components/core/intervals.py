"""How far a figure that was measured on some examples may be from the truth."""

import math

Z_95 = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""


def wilson_interval(n_correct: int, n: int, z: float = Z_95) -> tuple[float, float]:
    """Return the ends of Wilson's score interval for a proportion, 95 % by default.

    Unlike the normal approximation it stays within 0 and 1, and has a width for a perfect score.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    share = n_correct / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))
