"""Loads the model that a script is given, by the kind of its file."""

from __future__ import annotations

from bgblur.segmentation.engine import Engine


def engine_for(
    model: str,
    device: str = "auto",
    precision: str = "auto",
    input_height: int | str = "auto",
    threads: int | None = None,
) -> Engine:
    """An .xml runs with OpenVINO, all else as TorchScript: also a shipped model's name.

    ``threads`` are OpenVINO's. Raises ModelError or UsageError.
    """
    if model.endswith(".xml"):
        from bgblur.segmentation.engine_openvino import OpenVinoEngine

        unit = "cpu" if device == "auto" else device
        return OpenVinoEngine(model, precision, input_height, threads, unit)
    from bgblur.segmentation.engine_torch import TorchEngine

    return TorchEngine(model, device, precision, input_height)
