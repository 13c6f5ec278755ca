"""Files with several pictures: animations and pages."""

from __future__ import annotations

from typing import Any

_KIND = 254  # TIFF's NewSubfileType: bit 0 is a smaller copy, bit 2 a mask
_FIXES = {
    "GIF": "blur it as a clip, with bgblur-cam video",
    "PNG": "blur it as a clip, with bgblur-cam video",
    "WEBP": "convert it to GIF or APNG, and blur it as a clip, with bgblur-cam video",
    "AVIF": "convert it to GIF or APNG, and blur it as a clip, with bgblur-cam video",
    "TIFF": "split it into its pages, for example with tiffsplit",
}


def several_pictures(file: Any) -> str:
    """A line for an open Pillow file that is an animation or has pages, with what to do; "" for one
    picture, beside which there may be smaller copies of it and the like."""
    if file.format not in _FIXES:  # JPEGs of phones have depth maps and previews beside them
        return ""
    count = getattr(file, "n_frames", 1)
    if count > 1 and file.format == "TIFF":
        pages = 0
        for index in range(count):
            file.seek(index)
            pages += not file.tag_v2.get(_KIND, 0) & 5
        file.seek(0)
        count = pages
    return f"it has {count} pictures, not one; {_FIXES[file.format]}" if count > 1 else ""
