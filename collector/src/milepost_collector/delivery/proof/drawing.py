"""Signatures as drawings."""

from milepost_collector.delivery.proof.proof import Signature

# Of the height of the field: as a pen is, in a field of three fingers' height.
PEN_OF_HEIGHT = 0.015


def pen_px(signature: Signature) -> float:
    """Return how wide a line is, in pixels of the field."""
    return max(1.0, signature.height_px * PEN_OF_HEIGHT)


def svg(signature: Signature) -> str:
    """Draw a signature as an SVG file (1.1), black on nothing, cut at the edge of the field."""
    width_px, height_px = signature.width_px, signature.height_px
    lines = "".join(
        # Who only touches has made a dot: a line of no length with round ends.
        f'<polyline points="{" ".join(f"{x:g},{y:g}" for x, y in _line(stroke))}"/>'
        for stroke in signature.strokes
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width_px:g}" height="{height_px:g}" '
        f'viewBox="0 0 {width_px:g} {height_px:g}"><g fill="none" stroke="#000" '
        f'stroke-width="{pen_px(signature):g}" stroke-linecap="round" stroke-linejoin="round">'
        f"{lines}</g></svg>\n"
    )


def _line(stroke: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    return stroke if len(stroke) > 1 else stroke * 2
