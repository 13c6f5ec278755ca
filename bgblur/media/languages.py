"""The names that FFmpeg's QuickTime writer knows languages by: .mov has Macintosh's numbers, and a
language that FFmpeg finds none for becomes undefined."""

from __future__ import annotations

_OF_QUICKTIME = {
    "bod": "tib", "cym": "wel", "cze": "ces", "deu": "ger", "ell": "gre", "eus": "baq",
    "fre": "fra", "hye": "arm", "isl": "ice", "kat": "geo", "mkd": "mac", "msa": "may",
    "mya": "bur", "nld": "dut", "rum": "ron", "slo": "slk", "sqi": "alb", "swe": "sve",
    "zho": "chi",
}  # fmt: skip


def for_container(tags: dict[str, str], container: str) -> dict[str, str]:
    """``tags`` of a stream, with its language as FFmpeg's writer of ``container`` knows it."""
    language = tags.get("language", "")
    if container != "mov" or language not in _OF_QUICKTIME:
        return tags
    return {**tags, "language": _OF_QUICKTIME[language]}
