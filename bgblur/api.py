"""bgblur in Python: blur frames, pictures and recordings as ``bgblur-cam`` does.

Nothing here reads the user's configuration file: options left out have the defaults of
``bgblur-cam config show``. Every function fails closed: if the person cannot be found, it raises
``BgblurError`` and returns or writes no picture. Only ``strength=0`` and ``mode="none"`` show the
room, at the caller's explicit choice.

The environment and the thread counts of OpenCV and torch are the caller's: bgblur leaves them as
they are. The command line sets some variables that OpenCV and torch read when they are loaded; a
program that wants the same calls ``bgblur.environment.prepare_process`` before it imports them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from bgblur.config.keywords import Options, StrPath, path_text, settings_from
from bgblur.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bgblur.frame import Alpha, Image
    from bgblur.offline.video import VideoReport
    from bgblur.segmentation.quality import Quality

__all__ = ["Blurrer", "Options", "Progress", "blur_image", "blur_video"]

Progress = Callable[[int, int | None, float], None]
"""Gets (frames done, frames in all or None, frames a second so far)."""


class Blurrer:
    """Frame in, (picture, alpha) out. The model is loaded once, which takes seconds.

    ``strength`` 1..100 is the blur's (60 unless given), 0 shows the room. ``live`` frames follow
    one another, as those of a camera or a film: alpha is smoothed over time, by ``smoothing`` 0..1,
    and a background clip plays by the clock. Otherwise each picture stands alone. ``quality`` is
    "fast" unless given. For the rest see ``Options``. Not for several threads at once.

    Raises UsageError for a wrong option, ModelError for a model that cannot be loaded.

    >>> import bgblur, cv2
    >>> frame = cv2.imread("portrait.png")
    >>> with bgblur.Blurrer(strength=60) as blur:
    ...     picture, alpha = blur(frame)
    >>> picture.shape == frame.shape, picture.dtype, alpha.shape == frame.shape[:2], alpha.dtype
    (True, dtype('uint8'), True, dtype('float32'))

    A camera's frames, over a plain colour:

    >>> camera = cv2.VideoCapture("clip.mp4")
    >>> with bgblur.Blurrer(background="#203040", live=True) as blur:
    ...     while (read := camera.read())[0]:
    ...         picture, alpha = blur(read[1])
    >>> picture.shape
    (180, 320, 3)
    """

    def __init__(
        self,
        strength: int | None = None,
        *,
        live: bool = False,
        smoothing: float | None = None,
        **options: Unpack[Options],
    ) -> None:
        from bgblur.offline.processor import Processor

        if smoothing is not None and not live:
            raise UsageError("smoothing is for frames that follow one another: add live=True")
        settings = settings_from(strength, options, smoothing)
        self._closed = False
        quality = _quality(options, "fast")
        self._process = Processor(settings, stills=not live, live=live, quality=quality)
        try:
            self._process.load()
        except BaseException:
            self.close()
            raise

    def __call__(self, frame: Image) -> tuple[Image, Alpha]:
        """``frame``, ``uint8`` (H, W, 3) BGR, to the finished picture, the same, and its alpha,
        ``float32`` (H, W) in 0..1, where 1 is the person. Both are the caller's own.

        Raises UsageError for another shape or type, ModelError if the person cannot be found.
        """
        if self._closed:
            raise UsageError("this Blurrer is closed: make a new one")
        frame = _checked(frame)
        picture, alpha = self._process(frame)
        return (picture.copy() if picture is frame else picture), alpha

    def reset(self) -> None:
        """Forget the frames before: the next one shows another scene or follows a pause.

        >>> import bgblur, cv2
        >>> frame = cv2.imread("portrait.png")
        >>> with bgblur.Blurrer(live=True) as blur:
        ...     before, _ = blur(frame)
        ...     blur.reset()
        ...     after, _ = blur(frame)
        >>> bool((before == after).all())
        True
        """
        self._process.restart()

    def close(self) -> None:
        """Release the background clip, if there is one. A ``with`` block does it at its end."""
        self._closed = True
        self._process.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def blur_image(
    image: Image | StrPath,
    out: StrPath | None = None,
    *,
    strength: int | None = None,
    overwrite: bool = False,
    **options: Unpack[Options],
) -> tuple[NDArray[Any], Alpha]:
    """One picture, an array or a file, to (picture, alpha); with ``out`` also into that PNG.

    An array is ``uint8`` (H, W, 3) BGR. A file is turned upright as its EXIF data says; the
    result keeps 16 bits, and in ``out`` also transparency and colour profile. For many pictures
    use ``Blurrer``, which loads the model once. ``out`` must not exist unless ``overwrite``.
    ``quality`` is "best" unless given.

    Raises UsageError, ModelError, OutputError.

    >>> import bgblur
    >>> picture, alpha = bgblur.blur_image("portrait.png", "blurred.png", strength=80)
    >>> picture.shape, alpha.shape
    ((180, 320, 3), (180, 320))
    """
    from bgblur.imaging.pictures import Photo, read_photo
    from bgblur.offline.images import write_result
    from bgblur.offline.processor import Processor
    from bgblur.segmentation.quality import FOR_PHOTOS

    settings = settings_from(strength, options)
    quality = _quality(options, FOR_PHOTOS)
    source = _path(image) if isinstance(image, (str, os.PathLike)) else None
    target = None if out is None else _png_target(_path(out), source, overwrite)
    photo = Photo(_checked(image)) if source is None else read_photo(source)
    if photo.several:
        raise UsageError(f"cannot read {source}: {photo.several}")
    with closing(Processor(settings, stills=True, quality=quality)) as process:
        picture, alpha = process(photo.pixels)
    if picture is image:
        picture = picture.copy()
    if target is not None:
        write_result(target, picture, photo, overwrite)
    return picture, alpha


def blur_video(
    source: StrPath,
    target: StrPath,
    *,
    strength: int | None = None,
    alpha: StrPath | None = None,
    progress: Progress | None = None,
    overwrite: bool = False,
    smoothing: float | None = None,
    cutout: bool = False,
    sdr: bool = False,
    keep_interlaced: bool = False,
    **options: Unpack[Options],
) -> VideoReport:
    """A recording to a blurred one with the same frames, time stamps and sound.

    ``target`` is an .mp4, .mkv, .mov or .webm; ``alpha`` an .mkv for the matte (FFV1 gray). Files
    that exist are replaced only with ``overwrite``. ``progress`` is called after each frame. A
    film that fails or is interrupted leaves no file behind.

    ``cutout`` writes the person on a transparent ground (.mov, .webm or .mkv). ``sdr`` makes SDR of
    HDR, and 8 bits of 10. ``keep_interlaced`` leaves an interlaced film so. ``quality`` is
    "balanced" unless given.

    Raises UsageError, ModelError, OutputError.

    >>> import bgblur
    >>> report = bgblur.blur_video("clip.mp4", "blurred.mp4", strength=60, alpha="alpha.mkv")
    >>> report.frames, report.warnings
    (5, [])
    """
    from bgblur.offline import video
    from bgblur.offline.processor import Processor
    from bgblur.segmentation.quality import FOR_RECORDINGS

    settings = settings_from(strength, options, smoothing)
    quality = _quality(options, FOR_RECORDINGS)
    matte = None if alpha is None else _path(alpha)
    job = video.VideoJob(
        _path(source),
        _path(target),
        matte,
        overwrite=overwrite,
        cutout=cutout,
        sdr=sdr,
        keep_interlaced=keep_interlaced,
    )
    with _threads_kept(), closing(Processor(settings, quality=quality)) as process:
        return video.blur_video_by(process, job, progress)


def _checked(frame: object) -> Image:
    """``frame`` in memory as the engines take it. Raises UsageError unless it is an Image."""
    import numpy as np

    from bgblur.frame import is_image

    if not is_image(frame):
        found = type(frame).__name__
        if isinstance(frame, np.ndarray):
            found = f"{frame.dtype} {frame.shape}"
        raise UsageError(f"a picture is a uint8 array (height, width, 3) in BGR, not {found}")
    return np.require(frame, np.uint8, ["C", "W"])


def _quality(options: Options, default: Quality) -> Quality:
    from bgblur.segmentation.quality import quality_of

    given = options.get("quality")
    return default if given is None else quality_of(given)


def _path(name: StrPath) -> Path:
    from bgblur.files import user_path

    return user_path(path_text(name))


def _png_target(target: Path, source: Path | None, overwrite: bool) -> Path:
    from bgblur.files import refuse_existing

    if target.suffix.lower() != ".png":
        raise UsageError(f"cannot write {target}: pictures are written as PNG; name it NAME.png")
    if source is not None and target.resolve() == source.resolve():
        raise UsageError(f"{target} is the input picture: choose another name")
    refuse_existing(target, overwrite=overwrite)
    return target


@contextmanager
def _threads_kept() -> Iterator[None]:
    """Put back OpenCV's and torch's thread counts, which the stages of a film divide."""
    import cv2

    of_cv = cv2.getNumThreads()
    torch = sys.modules.get("torch")
    of_torch = torch.get_num_threads() if torch is not None else None
    try:
        yield
    finally:
        cv2.setNumThreads(of_cv)
        torch = sys.modules.get("torch")
        if torch is not None:
            from bgblur.segmentation.device_torch import default_threads

            torch.set_num_threads(of_torch or default_threads())
