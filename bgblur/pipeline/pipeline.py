"""The capture, segment and composite threads, what they share, and the watch over them.

Between them stand mailboxes of depth one: live video never queues. What may be shown, and when,
is decided in ``publisher``.
"""

from __future__ import annotations

import threading
import time

from bgblur.compositing.look import Look
from bgblur.errors import BgblurError, CameraBusyError
from bgblur.frame import Frame, Image
from bgblur.imaging.canvas import Canvas, Crop
from bgblur.imaging.geometry import Geometry
from bgblur.pipeline.backend import Backend, LoadBackend
from bgblur.pipeline.capture import CaptureLoop, OpenSource
from bgblur.pipeline.in_force import InForce, PauseShows
from bgblur.pipeline.mailbox import LatestSlot, Segmented
from bgblur.pipeline.output_thread import FINISH_WITHIN, STOP_WITHIN
from bgblur.pipeline.outputs import OpenSinks, Outputs, OutputState
from bgblur.pipeline.preview import OpenPreview, Preview
from bgblur.pipeline.publisher import Publisher
from bgblur.pipeline.segment import SegmentLoop
from bgblur.pipeline.state import Part, Problems, Rest, State
from bgblur.pipeline.words import HANGS
from bgblur.pipeline.worker import Turn, Worker
from bgblur.segmentation.options import MaskOptions
from bgblur.sources import Source
from bgblur.stats import Stats

KEEP_ALIVE = 0.06  # seconds without news after which something is published: 16 fps
SUPERVISE_EVERY = 0.25


class Pipeline:
    """Runs from ``start`` to ``stop``. Everything public may be called from any thread.

    ``open_source`` and ``open_sinks``, one an output, are called by ``start``, which passes on
    their errors; of several outputs one is enough.
    ``load_backend`` runs in a thread of its own: loading takes seconds in which the output should
    already show something. An error of that first load is kept in ``fatal``.
    ``wanted`` is the (width, height, fps) of the output until a camera has reported its own;
    ``canvas`` fixes the output's size. ``geometry`` turns and crops the camera's picture.
    """

    def __init__(
        self,
        open_source: OpenSource,
        open_sinks: OpenSinks,
        load_backend: LoadBackend,
        look: Look,
        mask: MaskOptions,
        stats: Stats | None = None,
        wanted: tuple[int, int, float] = (1280, 720, 30.0),
        canvas: Canvas | None = None,
        geometry: Geometry | None = None,
    ) -> None:
        self.stats = stats or Stats()
        self.problems = problems = Problems()
        self._wanted = wanted
        self._in_force = InForce(look, mask, geometry=geometry)
        self._captured: LatestSlot[Frame] = LatestSlot()
        self._segmented: LatestSlot[Segmented] = LatestSlot()
        self._preview = Preview(problems)
        self._outputs = Outputs(
            open_sinks, self._preview, problems, self.stats, self._in_force.may_show, canvas
        )
        self._publisher = Publisher(self._outputs, self.stats, problems, self._in_force)
        self._capture = CaptureLoop(
            open_source, self._captured, self._in_force, self._resize, problems, self.stats
        )
        self._segment = SegmentLoop(
            load_backend, self._captured, self._segmented, self._in_force, problems
        )
        self._stopping = threading.Event()
        self._workers: dict[Part, Worker] = {}
        self._composite: Worker | None = None

    # ------------------------------------------------------------ control

    def start(self) -> None:
        """Open both ends and start the threads. Raises CameraError or OutputError.

        A camera that another program uses is waited for, with the card on the output.
        """
        # First: importing torch takes longest.
        self._workers = {Part.MASK: Worker("segment", self._segment.run, self._stopping)}
        try:
            wanted = self._wanted
            if self._in_force.rest is None:
                try:
                    source = self._capture.open_first()
                    wanted = source.width, source.height, source.fps
                except CameraBusyError as error:
                    self.problems.set(Part.CAMERA, str(error))
            self._publisher.expect(wanted[2])
            self._outputs.open(*self.geometry.turned(*wanted[:2]), wanted[2])
        except BaseException:  # a driver's own exception, or Ctrl-C
            self._stopping.set()
            self._capture.close_first()
            raise
        self._workers[Part.CAMERA] = Worker("capture", self._capture.run, self._stopping)
        self._composite = Worker("composite", self._publish, self._stopping)
        threading.Thread(target=self._supervise, name="supervise", daemon=True).start()

    def stop(self) -> None:
        """End the threads, leave the card as the last picture, close the outputs."""
        self._stopping.set()
        self._captured.close()
        self._segmented.close()
        self._capture.wake()
        self._segment.wake()
        deadline = time.monotonic() + STOP_WITHIN
        for worker in self._workers.values():
            worker.join(deadline - time.monotonic())
        if self._composite is not None:
            self._composite.join(deadline - time.monotonic())
            if self._outputs.records:  # on a slow disk the last picture takes its time, too
                self._composite.join(FINISH_WITHIN)
            if self._outputs.closing:
                self._composite.join(None if self._outputs.records else FINISH_WITHIN)

    def rest(self, reason: Rest | None) -> None:
        """Close the camera and show a card, while nobody watches or because the user wants it;
        None opens the camera again. The model stays loaded."""
        self._in_force.rest = reason
        self._capture.wake()
        if reason is Rest.IDLE:
            self._outputs.nobody_watches()

    def replace_source(self, open_source: OpenSource) -> None:
        """Close the camera and open another; the output goes on, at the new size if it can."""
        self._capture.replace(open_source)

    def replace_sinks(self, open_sinks: OpenSinks) -> None:
        """Feed these outputs, by name. Those that have been fed stay open, others are closed."""
        self._outputs.replace(open_sinks)

    def replace_preview(self, open_preview: OpenPreview | None) -> None:
        """Show the pictures in a preview too; None closes it."""
        self._preview.replace(open_preview)

    def replace_backend(self, load_backend: LoadBackend) -> None:
        """Load another model; until it is ready the whole frame is blurred."""
        self._segment.replace(load_backend)

    @property
    def look(self) -> Look:
        return self._in_force.look

    @look.setter
    def look(self, look: Look) -> None:
        self._in_force.look = look

    @property
    def canvas(self) -> Canvas:
        """The output's size, and how pictures are put on it."""
        return self._outputs.canvas

    @canvas.setter
    def canvas(self, canvas: Canvas) -> None:
        self._outputs.canvas = canvas

    @property
    def geometry(self) -> Geometry:
        """How the camera's picture is turned and cropped."""
        return self._in_force.geometry

    @geometry.setter
    def geometry(self, geometry: Geometry) -> None:
        self._in_force.geometry = geometry

    @property
    def follow(self) -> bool:
        """Whether the output follows the people, by a crop of the finished picture."""
        return self._in_force.follow

    @follow.setter
    def follow(self, follow: bool) -> None:
        self._in_force.follow = follow

    @property
    def mask(self) -> MaskOptions:
        return self._in_force.mask

    @mask.setter
    def mask(self, mask: MaskOptions) -> None:
        self._in_force.mask = mask

    @property
    def pause_shows(self) -> PauseShows:
        """What a pause shows, if there is a last picture to blur; otherwise a card."""
        return self._in_force.pause_shows

    @pause_shows.setter
    def pause_shows(self, shows: PauseShows) -> None:
        self._in_force.pause_shows = shows

    # ------------------------------------------------------------ reports

    @property
    def fatal(self) -> BgblurError | None:
        """Why the first model could not be loaded, or a recording broke off."""
        return self._segment.fatal or self._outputs.broken_off

    @property
    def backend(self) -> Backend | None:
        """The newest that was loaded."""
        return self._segment.backend

    @property
    def source_name(self) -> str:
        return self._capture.source_name

    @property
    def source_remark(self) -> str | None:
        return self._capture.source_remark

    @property
    def size(self) -> tuple[int, int]:
        """Of the published pictures, (width, height)."""
        return self._outputs.size

    @property
    def state(self) -> State:
        """What the output shows now."""
        return self._publisher.state

    @property
    def crop(self) -> Crop:
        """What auto-framing shows of the pictures now."""
        return self._publisher.crop

    @property
    def outputs(self) -> list[OutputState]:
        return self._outputs.states

    @property
    def sink_names(self) -> str:
        """What is open now, in words."""
        return ", ".join(each.name for each in self.outputs if each.name) or "nowhere"

    def before(self) -> Image | None:
        """The camera's own picture of the newest published frame, for the user's own eyes."""
        return self._publisher.before()

    def matte(self) -> Image | None:
        """The alpha of the newest published frame as a grey picture, white is the person."""
        return self._publisher.matte()

    # ------------------------------------------------------------ threads

    def _publish(self, turn: Turn) -> None:
        # At once: the first picture may take long to make, so that a card goes before it.
        self._show(None, None)
        while not turn.over():
            item = self._segmented.take(KEEP_ALIVE)
            if not turn.over():
                self._show(item, self._capture.newest)
                self.stats.dropped = self._captured.replaced + self._segmented.replaced
        self._publisher.end()  # in this thread: what blocks now must not block ``stop``

    def _show(self, item: Segmented | None, newest: Frame | None) -> None:
        self._publisher.show(item, newest)

    def _supervise(self) -> None:
        while not self._stopping.wait(SUPERVISE_EVERY):
            for part, worker in self._workers.items():
                if worker.replace_if_hung():
                    self.problems.set(part, HANGS[part])

    def _resize(self, source: Source) -> None:
        """From now on the frames are those of ``source``."""
        self._publisher.expect(source.fps)
        size = self.geometry.turned(source.width, source.height)
        self._outputs.resize(*size, source.fps)
