"""What a result's PNG says of the photo that it was made from: colours, and date and lens."""

from __future__ import annotations

from typing import Any

COLOUR_CHUNKS = (b"cICP", b"sRGB", b"gAMA", b"cHRM")  # iCCP is the profile, of other formats too
_EXIF_IFD = 0x8769
# What is kept is listed, since not only GPS may tell the place: MakerNote does, too.
_KEPT = (0x010F, 0x0110, 0x0132, 0x013B, 0x8298)  # Make, Model, DateTime, Artist, Copyright
_KEPT_EXIF = (
    0x829A, 0x829D, 0x8822, 0x8827,  # ExposureTime, FNumber, ExposureProgram, ISO
    0x9003, 0x9004, 0x9010, 0x9011, 0x9012, 0x9290, 0x9291, 0x9292,  # dates, zones, fractions
    0x9201, 0x9202, 0x9204, 0x9205, 0x9207, 0x9209, 0x920A,  # exposure, flash, focal length
    0xA402, 0xA403, 0xA404, 0xA405, 0xA432, 0xA433, 0xA434,  # modes, zoom, LensMake, LensModel
)  # fmt: skip


def dates_and_lens(exif: Any) -> bytes | None:
    """Of a Pillow ``Exif``, the camera, the lens, the exposure and the dates, as PNG's eXIf chunk
    takes them; None where there are none. The place, the thumbnail and the orientation are left
    out."""
    from PIL import Image as Pillow

    kept = Pillow.Exif()
    for tag in _KEPT:
        if tag in exif:
            kept[tag] = exif[tag]
    details = exif.get_ifd(_EXIF_IFD)
    inner = {tag: details[tag] for tag in _KEPT_EXIF if tag in details}
    if inner:
        kept.get_ifd(_EXIF_IFD).update(inner)
    if not len(kept) and not inner:
        return None
    return kept.tobytes().removeprefix(b"Exif\0\0")
