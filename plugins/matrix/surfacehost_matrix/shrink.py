"""A program of its own: the picture in a file, made small into another one. See ``thumbnails``, which runs it.

It decodes what nobody has vouched for, so it has nothing to lose: no secrets, little memory, little time.
"""

import json
import resource
import sys

from PIL import Image, ImageOps

LARGEST = 800, 600
"""Pixels of a thumbnail: the largest that homeservers make by themselves."""
MOST_PIXELS = 25_000_000
"""Of what is decoded; four bytes each."""
MEMORY, CPU_S = 1 << 30, 10
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
"""Of Pillow's many decoders those for which there is a use."""


def shrink(source: str, target: str) -> dict[str, object]:
    """Write the thumbnail of *source* to *target*; what each is like. Empty: there is none of that picture."""
    Image.MAX_IMAGE_PIXELS = None  # which looks at the whole size; a large JPEG need not be decoded whole
    with Image.open(source, formats=FORMATS) as picture:
        whole = _as_shown(picture)
        picture.draft("RGB", LARGEST)
        if picture.width * picture.height > MOST_PIXELS or getattr(picture, "is_animated", False):
            return {}
        small = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
        small.thumbnail(LARGEST)
        small = ImageOps.exif_transpose(small)
    kind = "PNG" if small.mode == "RGBA" else "JPEG"
    small.save(target, kind, optimize=True)
    return {"whole": whole, "small": small.size, "mime_type": Image.MIME[kind]}


def _as_shown(picture: Image.Image) -> tuple[int, int]:
    """Width and height once it is turned as its camera says (Exif 2.32, 4.6.4, "Orientation")."""
    is_turned = picture.getexif().get(0x0112, 1) >= 5
    return (picture.height, picture.width) if is_turned else picture.size


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    print(json.dumps(shrink(*sys.argv[1:])))  # noqa: T201 - it is asked for
