"""What the figures share: colours, ticks, and PNG bytes."""

from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # half a second to import
    from matplotlib.figure import Figure


BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"  # Okabe-Ito: told apart without colour vision


def png(figure: "Figure") -> bytes:
    """A figure as the bytes of a PNG."""
    picture = BytesIO()
    figure.savefig(picture, dpi=150)
    return picture.getvalue()


def spaced_ticks(ds: list[int], letters: int = 72) -> list[Any]:
    """Ticks far enough apart on a log axis to be read, of which so many letters fill it; the largest d always."""
    kept: list[Any] = []
    for d in sorted(ds, reverse=True):
        if not kept or kept[-1] / d >= max(ds) ** (max(len(str(kept[-1])) + 1.2, 4) / letters):
            kept.append(d)
    return kept[::-1]
