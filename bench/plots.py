"""Plots as SVG, drawn by hand: lines over a logarithmic axis, which is all the page needs."""

import math
from collections.abc import Sequence
from html import escape

from msgspec import Struct

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 70, 150, 36, 48
COLOURS = ("#1f6feb", "#d1570b", "#2b8a3e", "#8250df", "#b3261e", "#57606a")


class Line(Struct, frozen=True):
    """One line: its name and its points."""

    name: str
    points: list[tuple[float, float]]


def lines(title: str, x_title: str, y_title: str, drawn: Sequence[Line]) -> str:
    """Lines over a logarithmic x and a linear y that begins at 0."""
    xs = [x for line in drawn for x, _ in line.points]
    top = _round_up(max(y for line in drawn for _, y in line.points))
    low, high = math.log10(min(xs)), math.log10(max(xs))
    span = (high - low) or 1.0

    def place(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - low) / span
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM)

    parts = [*_frame(title, x_title, y_title, top)]
    for x in sorted(set(xs)):
        at, _ = place(x, 0)
        parts.append(f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{_short(x)}</text>')
    for nth, line in enumerate(drawn):
        colour = COLOURS[nth % len(COLOURS)]
        places = [place(x, y) for x, y in line.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        parts.append(_legend(nth, line.name, colour))
    return _svg(parts)


def _frame(title: str, x_title: str, y_title: str, top: float) -> list[str]:
    parts = [
        f'<text x="{LEFT}" y="20" font-weight="bold">{escape(title)}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(x_title)}</text>',
        f'<text transform="translate(14,{HEIGHT / 2}) rotate(-90)" text-anchor="middle">{escape(y_title)}</text>',
    ]
    for nth in range(5):
        value = top * nth / 4
        y = HEIGHT - BOTTOM - nth / 4 * (HEIGHT - TOP - BOTTOM)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#d0d7de"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_short(value)}</text>')
    return parts


def _legend(nth: int, name: str, colour: str) -> str:
    y = TOP + 14 + nth * 18
    x = WIDTH - RIGHT + 12
    square = f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{colour}"/>'
    return f'{square}<text x="{x + 15}" y="{y}">{escape(name)}</text>'


def _svg(parts: Sequence[str]) -> str:
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    text = 'font-family="sans-serif" font-size="12" fill="#57606a"'
    background = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size} {text}>', background, *parts, "</svg>", ""])


def _round_up(value: float) -> float:
    """The next 1, 2, 2.5 or 5 of its order of magnitude."""
    if value <= 0:
        return 1.0
    magnitude = math.pow(10, math.floor(math.log10(value)))
    return next(step * magnitude for step in (1, 2, 2.5, 5, 10) if step * magnitude >= value)


def _short(value: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
