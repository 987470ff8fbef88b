"""Numbers: what several runs of the same thing say together, and how it is written."""

from collections import namedtuple

Spread = namedtuple('Spread', 'low median high')  # the quartiles


def quartiles(values):
    """The quartiles of the values, between two of them where they fall there; None if there are none."""
    values = sorted(values)
    if not values:
        return None

    def at(share):
        position = share * (len(values) - 1)
        below = int(position)
        above = min(below + 1, len(values) - 1)
        return values[below] + (values[above] - values[below]) * (position - below)

    return Spread(at(0.25), at(0.5), at(0.75))


def ratios(these, those):
    """The quartiles of each of these by that of those which was measured beside it, in the same round."""
    return quartiles([a / b for a, b in zip(these, those) if a is not None and b])


def short(number):
    """Three digits of it, or as many as there are before the point: 0.0123, 1.23, 12.3, 1,234."""
    if number is None:
        return '-'
    if abs(number) >= 99.95:
        return f'{number:,.0f}'
    digits = 2 if abs(number) < 9.995 else 1
    return f'{number:.{digits}f}' if abs(number) >= 0.0995 or number == 0 else f'{number:.2g}'


def spread(figure):
    """A spread in words: "1.23 (1.20 to 1.31)"."""
    return '-' if figure is None else f'{short(figure.median)} ({short(figure.low)} to {short(figure.high)})'


def is_met(figure, sign, bound):
    """Is the median as the goal wants it, at least ('>=') or at most ('<=') the bound?"""
    return figure.median >= bound if sign == '>=' else figure.median <= bound
