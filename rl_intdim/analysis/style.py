"""Shared by all figures: colours, and rendering to PNG."""

from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # half a second to import
    from matplotlib.figure import Figure


BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"  # blue and orange of Okabe-Ito, safe for colour blindness
DPI = 150


def png(figure: "Figure", description: str = "") -> bytes:
    """A figure as the bytes of a PNG, which may say in its metadata what it shows. A palette of 256 colours makes it
    two to three times smaller, with no difference to the eye."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    drawn, picture, said = BytesIO(), BytesIO(), PngInfo()
    figure.savefig(drawn, dpi=DPI)
    said.add_text("Description", description)
    colours = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    colours.save(picture, "PNG", dpi=(DPI, DPI), pnginfo=said if description else None, optimize=True)
    return picture.getvalue()
