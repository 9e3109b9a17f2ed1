"""Shared by all figures: colours, and rendering to PNG."""

from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # half a second to import
    from matplotlib.figure import Figure


BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"  # blue and orange of Okabe-Ito, safe for colour blindness


def png(figure: "Figure", description: str = "") -> bytes:
    """A figure as the bytes of a PNG, which may say in its metadata what it shows."""
    picture = BytesIO()
    figure.savefig(picture, dpi=150, metadata={"Description": description} if description else None)
    return picture.getvalue()
