"""Figures of a predictor on held-out photos, rooms and clips, and what is told of them."""

from __future__ import annotations

from itertools import cycle, islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.training.evaluation import TARGETS
from torch import nn

from bgblur.frame import Alpha, Image
from bgblur.training.data.sets import Collection, DataError, Picture, read_photo
from bgblur.training.evaluate.comparison import compare
from bgblur.training.evaluate.evaluation import (
    MEAN,
    ROOMS,
    Figures,
    Scored,
    bounds_of_mean,
    composited_clips,
    empty_rooms,
    evaluate,
    evaluate_clip,
    photo_rows,
    room_rows,
    score_clip,
    score_photos,
    size_rows,
)
from bgblur.training.evaluate.predictors import NetworkEngine, Predictor, letterboxed
from bgblur.training.evaluate.sheet import worst_sheet
from bgblur.training.evaluate.tables import table
from bgblur.training.evaluate.targets import judge, load_targets, verdict_table

pytest_plugins = ["support.training.evaluation"]

ROOT = Path(__file__).resolve().parents[3]


def perfect(image: Image) -> Alpha:
    """People in the test pictures are bright."""
    return (image.mean(-1) > 120).astype(np.float32)


def no_person(image: Image) -> Alpha:
    return np.zeros(image.shape[:2], np.float32)


def test_a_perfect_predictor_is_perfect(held_out: Collection) -> None:
    scored = score_photos(perfect, held_out.all_photos)
    assert len(scored) == 2
    assert all(s.iou > 0.99 and s.boundary_f > 0.99 and s.mad < 0.01 for s in scored)
    assert empty_rooms(perfect, held_out.rooms) == {"pictures": 1, "leak": 0}


def test_things_are_a_row_beside_rooms(tmp_path: Path) -> None:
    rooms = []
    for folder, level in (("rooms_small", 0), ("rooms_large", 0), ("things", 200)):
        (tmp_path / folder).mkdir()
        rooms.append(Picture(tmp_path / folder / "1.jpg"))
        cv2.imwrite(str(rooms[-1].image), np.full((8, 8, 3), level, np.uint8))
    rows = room_rows(perfect, Collection({}, [], rooms))
    assert rows == {ROOMS: {"pictures": 2, "leak": 0}, "things": {"pictures": 1, "leak": 1}}
    assert list(room_rows(perfect, Collection({}, [], rooms[:2]))) == [ROOMS]


def test_people_are_told_apart_by_their_size() -> None:
    shares = (0.01, 0.03, 0.1, 0.5)
    scored = [Scored(Picture(Path("x")), share, share, 0, 0, 0, 0, 0, 0, 0) for share in shares]
    rows = size_rows(scored)
    assert {size: (row["pictures"], row["iou"]) for size, row in rows.items()} == {
        "< 3%": (1, 0.01),
        "3% to 12%": (2, pytest.approx(0.065)),
        "> 40%": (1, 0.5),
    }


def test_bounds_are_those_of_the_mean() -> None:
    coins = np.tile([0.0, 1.0], 50)
    low, high = bounds_of_mean(coins)  # 1.645 standard errors of 0.05
    assert low == pytest.approx(0.418, abs=0.015)
    assert high == pytest.approx(0.582, abs=0.015)


def test_a_blind_predictor_scores_zero(held_out: Collection) -> None:
    scored = score_photos(no_person, held_out.all_photos)
    assert [(s.iou, s.boundary_f) for s in scored] == [(0, 0)] * 2
    everyone = empty_rooms(lambda image: no_person(image) + 1, held_out.rooms)
    assert everyone["leak"] == 1


def test_ignored_pixels_do_not_count(held_out: Collection) -> None:
    def errs_above(image: Image) -> Alpha:
        alpha = perfect(image)
        alpha[:8] = 1  # what voc_person ignores
        return alpha

    scores = {n: score_photos(errs_above, p)[0].iou for n, p in held_out.photos.items()}
    assert scores["voc_person"] > 0.99
    assert scores["eg1800"] < 0.9


def test_sets_with_small_people_have_two_rows(held_out: Collection) -> None:
    scored = score_photos(perfect, held_out.photos["voc_person"])
    assert scored[0].share > 0.12
    assert set(photo_rows("voc_person", scored)) == {"voc_person", "voc_person > 12%"}
    assert set(photo_rows("eg1800", scored)) == {"eg1800"}
    assert photo_rows("eg1800", []) == {}


@pytest.mark.parametrize("size", [(90, 50), (50, 90), (45, 80), (30, 200), (1, 1)])
def test_letterboxed_predicts_at_16_to_9_and_returns_the_picture_size(
    size: tuple[int, int],
) -> None:
    image = np.random.default_rng(1).integers(1, 256, (*size, 3)).astype(np.uint8)
    seen = []

    def predict(canvas: Image) -> Alpha:
        seen.append(canvas.shape[1] / canvas.shape[0])
        return canvas[..., 0].astype(np.float32)

    assert np.array_equal(letterboxed(predict, image), image[..., 0])
    assert seen[0] == pytest.approx(16 / 9, rel=0.5 if size == (1, 1) else 0.03)


def test_clips(tree: Path) -> None:
    ((clip, matte),) = composited_clips(tree / "video" / "composited", "report")
    row = evaluate_clip(perfect, clip, matte)
    assert row["iou"] > 0.97
    assert row["mad"] < 0.02
    assert row["dtssd"] < 15
    assert evaluate_clip(no_person, clip, matte)["iou"] == 0


def test_score_clip_of_the_truth_itself() -> None:
    mattes = [np.eye(8, dtype=np.float32), np.eye(8, k=1, dtype=np.float32)]
    assert score_clip(mattes, mattes) == {"iou": 1, "boundary_f": 1, "mad": 0, "dtssd": 0}


def test_a_matte_of_another_length_is_refused(tree: Path) -> None:
    clip = tree / "video" / "composited" / "talking.mp4"
    longer = ROOT.parent / "shared" / "data" / "video" / "composited" / "brbk7n_alpha.mkv"
    if not longer.is_file():
        pytest.skip("the evaluation clips are missing")
    with pytest.raises(DataError, match="does not fit"):
        evaluate_clip(perfect, clip, longer)


def test_a_network_is_evaluated_at_its_height(
    network: nn.Module, held_out: Collection, tree: Path
) -> None:
    heard: list[str] = []
    clips = list(composited_clips(tree / "video" / "composited", "report"))
    engine = NetworkEngine(network, 64)
    figures = evaluate(engine, held_out, clips, frames=2, report=heard.append)
    assert heard == ["eg1800", "voc_person", "talking.mp4", ROOMS]
    assert set(figures.clips) == {"talking", "mean"}
    assert figures.clips["talking"] == figures.clips["mean"]
    assert len(figures.scored) == 2
    image = read_photo(held_out.all_photos[0])[0]
    assert engine.infer(engine.upload(image)).shape[0] == 64


def test_the_sheet_shows_the_worst_first(held_out: Collection) -> None:
    scored = score_photos(perfect, held_out.all_photos)
    assert worst_sheet(perfect, scored).shape == (150, 3 * 480, 3)
    assert worst_sheet(perfect, scored * 9).shape == (6 * 150, 3 * 480, 3)
    assert worst_sheet(perfect, scored, 24).any()
    assert not worst_sheet(perfect, []).any()


def test_a_model_beside_itself_and_beside_a_blind_one(held_out: Collection) -> None:
    def judged(predict: Predictor, clip_iou: float) -> Figures:
        scored = score_photos(predict, held_out.all_photos)
        clips = {"talk": {"iou": clip_iou}, MEAN: {"iou": clip_iou}}
        return Figures({}, {}, clips, {}, scored[::-1])

    good, blind = judged(perfect, 0.9), judged(no_person, 0.5)
    same = compare(good, good, held_out.photos)
    assert list(same) == ["eg1800", "voc_person", "voc_person > 12%", "clips"]
    assert all(row["difference"] == row["low"] == row["high"] == 0 for row in same.values())
    rows = compare(good, blind, held_out.photos)
    assert rows["clips"]["difference"] == pytest.approx(0.4)
    row = rows["eg1800"]
    assert (row["samples"], row["other"]) == (1, 0)
    assert row["iou"] == row["difference"] == row["low"] == row["high"] > 0.99


def test_more_pictures_give_a_narrower_difference() -> None:
    pictures = [Picture(Path(f"{number}.jpg")) for number in range(40)]

    def judged(*ious: float) -> Figures:
        kinds = islice(cycle(ious), len(pictures))
        scored = [
            Scored(p, 0.5, i, 0, 0, 0, 0, 0, 0, 0) for p, i in zip(pictures, kinds, strict=True)
        ]
        return Figures({}, {}, {}, {}, scored)

    ours, other = judged(0.9, 0.7), judged(0.8)  # the differences alternate between 0.1 and -0.1
    many = compare(ours, other, {"ccp": pictures})["ccp"]
    few = compare(ours, other, {"ccp": pictures[:4]})["ccp"]
    assert many["difference"] == pytest.approx(0)
    # The mean of 40 values of -0.1 or 0.1: 1.645 standard errors of 0.1 / 40 ** 0.5.
    assert many["high"] == pytest.approx(0.026, abs=0.005)
    assert many["low"] == pytest.approx(-many["high"], abs=0.005)
    assert few["high"] > 2 * many["high"]


def test_table_leaves_missing_figures_blank() -> None:
    rows = {"a": {"pictures": 3.0, "iou": 0.5}, "b": {"iou": 1.0}}
    assert table("set", rows).splitlines() == [
        "| set | pictures | IoU |",
        "|---|---|---|",
        "| a | 3 | 0.5000 |",
        "| b |  | 1.0000 |",
    ]


def test_targets(network: nn.Module, held_out: Collection, tmp_path: Path) -> None:
    path = tmp_path / "targets.toml"
    path.write_text(TARGETS)
    heights = {64: evaluate(NetworkEngine(network, 64), held_out, [])}
    verdicts = judge(load_targets(path), heights)
    assert [verdict.met for verdict in verdicts] == [False, True]
    assert "eg1800: iou ≥ 1.01 | 64" in verdict_table(verdicts)
    assert verdict_table(verdicts).count("**not met**") == 1
    with pytest.raises(DataError, match='no iou of "eg1800" at input height 64'):
        judge(load_targets(path), {})
    path.write_text(TARGETS.replace("least = 1.01", ""))
    with pytest.raises(DataError, match='either "least" or "most"'):
        load_targets(path)
