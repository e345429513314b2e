"""Straight lines through measurements, ratios, and a drawing of them: no clock, no process, no library."""

from collections.abc import Sequence
from html import escape

Points = Sequence[tuple[float, float]]
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 300, 70, 20, 34, 44
TICKS = 4
INK, LINE, GRID = "#1f2937", "#1d4ed8", "#e5e7eb"


def slope(points: Points) -> float:
    """How much y grows with one of x, by least squares; 0 for fewer than two places on the x axis."""
    if not points:
        return 0.0
    middle_x = sum(x for x, _y in points) / len(points)
    middle_y = sum(y for _x, y in points) / len(points)
    spread = sum((x - middle_x) ** 2 for x, _y in points)
    if spread == 0:
        return 0.0
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread


def ratio(ours: float, floor: float) -> float:
    """How many times the floor ours costs; 0 where no floor was measured."""
    return round(ours / floor, 2) if floor > 0 else 0.0


def nice_top(most: float) -> float:
    """The end of an axis that holds `most`: 1, 2 or 5 times a power of ten."""
    if most <= 0:
        return 1.0
    power = 1.0
    while power < most:
        power *= 10
    while power / 10 >= most:
        power /= 10
    return next(power * part for part in (0.1, 0.2, 0.5, 1.0) if power * part >= most)


def drawing(panels: Sequence[tuple[str, Points]], x_name: str) -> str:
    """An SVG with a panel for each named series, one below the other, over the same x axis from 0."""
    height = HEIGHT * len(panels)
    body = "".join(_panel(name, points, x_name, number) for number, (name, points) in enumerate(panels))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" font-family="sans-serif" font-size="13" fill="{INK}">'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>{body}</svg>\n'
    )


def _panel(name: str, points: Points, x_name: str, number: int) -> str:
    up, down = number * HEIGHT + TOP, (number + 1) * HEIGHT - BOTTOM
    right = WIDTH - RIGHT
    top_x, top_y = (nice_top(max((point[axis] for point in points), default=0.0)) for axis in (0, 1))
    parts = [f'<text x="{LEFT}" y="{up - 12}" font-weight="bold">{escape(name)}</text>']
    for tick in range(TICKS + 1):
        y, x = down - (down - up) * tick / TICKS, LEFT + (right - LEFT) * tick / TICKS
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="{GRID}"/>')
        told_y, told_x = f"{top_y * tick / TICKS:g}", f"{top_x * tick / TICKS:g}"
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{told_y}</text>')
        parts.append(f'<text x="{x:.1f}" y="{down + 18}" text-anchor="middle">{told_x}</text>')
    parts.append(f'<text x="{right}" y="{down + 36}" text-anchor="end">{escape(x_name)}</text>')
    placed = [(LEFT + (right - LEFT) * x / top_x, down - (down - up) * y / top_y) for x, y in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
    parts.append(f'<polyline points="{path}" fill="none" stroke="{LINE}" stroke-width="2"/>')
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{LINE}"/>' for x, y in placed]
    return "".join(parts)
