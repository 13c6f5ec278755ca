"""Finds what tells where a recording was made: in tags, and in the text that drones and dashcams
write beside the picture. A blurred room is no secret if its position stands in the file."""

from __future__ import annotations

import re

_KEYS = (
    "location", "gps", "latitude", "longitude", "geotag", "coordinates", "iso6709", "xyz", "city",
)  # fmt: skip
_DEGREES = r"[-+]?\d{1,3}[.,]\d{4,}"
_PLACE = re.compile(
    "|".join([
        # ISO 6709, as phones write it: +48.8584+002.2945/
        r"[-+]\d{2,6}(?:\.\d+)?[-+]\d{3,7}(?:\.\d+)?(?:[-+]\d+(?:\.\d+)?)?(?:CRS\w*)?/",
        r"[-+]\d{2}\.\d{2,}[-+]\d{3}\.\d{2,}",
        # latitude: 48.85, "lon": 2.29, GPSLatitude="48,51.5N"
        r"(?:\b|_|gps|exif:)(?:latitude|longt?itude|lat|lon|lng)\b\W{0,6}\d{1,3}[.,]\d",
        r"\b(?:gps|home)\b\s*[:=]?\s*\(?\s*[-+]?\d{1,3}\.\d+",  # DJI: GPS(2.2945,48.8584,19)
        r"\d{1,3}(?:\.\d+)?\s*°[\d\s.,'′’\"″”]*[NSEW]\b",  # 48° 51' 30" N
        r"\b[NSEW]\s*\d{1,3}(?:\.\d+)?\s*°",
        r"\b[NS]\W{0,2}\d{1,2}\.\d{3,}\W{1,4}[EW]\W{0,2}\d{1,3}\.\d{3,}",  # N48.858370 E2.294481
        r"\d{1,2}\.\d{3,}\W?[NS]\W{1,4}\d{1,3}\.\d{3,}\W?[EW]\b",
        r"\$G[ABLNP](?:RMC|GGA|GLL|GNS)",  # NMEA 0183 sentences of a receiver
        rf"(?<![\d.]){_DEGREES}\s*[,;/ ]\s*{_DEGREES}(?![\d.])",
    ]),
    re.IGNORECASE,
)  # fmt: skip


def tells_place(text: str) -> bool:
    """Whether ``text`` has a position in any notation that cameras are known to write.

    >>> tells_place("[iso: 100] [latitude: 48.858370] [longitude: 2.294481]")
    True
    >>> tells_place("We met at 10:30, 2.5 miles north of the river.")
    False
    """
    return _PLACE.search(text) is not None


def without_place(tags: dict[str, str]) -> dict[str, str]:
    """``tags`` without those that tell a position, by their name or by what they say."""
    return {
        key: value
        for key, value in tags.items()
        if not any(part in key.lower() for part in _KEYS) and not tells_place(value)
    }
