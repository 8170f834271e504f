"""Scoring other systems: layouts, value ranges, missing and doubtful files, and figures worked by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from pipeline.cli.score import score_command
from pipeline.data.catalog import write_catalog
from pipeline.evaluation.score import (
    LabelledFrame,
    find_predictions,
    labelled_frames,
    read_values,
    score_predictions,
)
from pipeline.evaluation.value_scale import full_scale
from pipeline.utils.errors import PipelineError

CAT, DOG = "cat_meowing", "dog_barking"
TRUTH = np.zeros((8, 8), np.uint8)
TRUTH[:4] = 255
HALF = np.zeros((8, 8), np.uint8)  # half of the truth, nothing else: IoU 0.5
HALF[:2] = 255


@pytest.fixture
def catalog(tmp_path: Path) -> pd.DataFrame:
    """Two test clips of two categories, five masks each, and a train clip with one."""
    rows = []
    for split, category, name, count in (
        ("train", CAT, "c", 1),
        ("test", CAT, "-a", 5),
        ("test", DOG, "b", 5),
    ):
        masks: list[str | None] = [None] * 5
        for k in range(1, count + 1):
            path = tmp_path / "truth" / category / name / f"{name}_{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), TRUTH)
            masks[k - 1] = str(path)
        rows.append({"name": name, "category": category, "split": split, "masks": masks})
    return pd.DataFrame(rows)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write predictions: `first` for clip "-a", `second` for "b"; `where`: paths without ending."""

    def write(
        first: np.ndarray,
        second: np.ndarray,
        where: str = "{category}/{name}/{name}_{k}",
        ending: str = ".png",
    ) -> Path:
        root = tmp_path / "predictions"
        for category, name, image in ((CAT, "-a", first), (DOG, "b", second)):
            for k in range(1, 6):
                path = root / (where.format(category=category, name=name, k=k) + ending)
                path.parent.mkdir(parents=True, exist_ok=True)
                if ending == ".npy":
                    np.save(path, image)
                else:
                    cv2.imwrite(str(path), image)
        return root

    return write


def test_figures_by_hand(catalog: pd.DataFrame, write: Callable) -> None:
    scores = score_predictions(write(TRUTH, HALF), catalog)
    assert scores.expected == 10 and scores.missing == () and scores.resized == 0
    assert scores.by_category[CAT].miou == pytest.approx(1, abs=1e-6)
    assert scores.by_category[DOG].miou == pytest.approx(0.5, abs=1e-6)
    assert scores.total.miou == pytest.approx(0.75, abs=1e-6)
    assert scores.miou_macro == pytest.approx(0.75, abs=1e-6)
    # precision 1, recall 1/2 at every threshold but the lowest: 1.3 * 0.5 / (0.3 + 0.5)
    assert scores.by_category[DOG].fscore == pytest.approx(0.8125, abs=1e-6)
    assert scores.total.fscore == pytest.approx((1 + 0.8125) / 2, abs=1e-6)


@pytest.mark.parametrize(
    "where",
    [
        "{category}/{name}/{name}_{k}",
        "{name}/{name}_{k}",
        "{name}_{k}",
        "test/{category}/{name}/{name}_{k}",
        "test/{name}/{name}.mp4_{k}",
    ],
)
def test_layouts(catalog: pd.DataFrame, write: Callable, where: str) -> None:
    assert score_predictions(write(TRUTH, HALF, where), catalog).missing == ()


@pytest.mark.parametrize(
    ("convert", "ending"),
    [
        (lambda m: m, ".png"),
        (lambda m: m // 255, ".png"),
        (lambda m: m.astype(np.uint16) * 257, ".png"),
        (lambda m: m.astype(np.uint16), ".png"),
        (lambda m: m.astype(np.uint32), ".npy"),
        (lambda m: cv2.merge([m, m, m]), ".png"),
        (lambda m: cv2.merge([m * 0, m * 0, m]), ".png"),
        (lambda m: m > 0, ".npy"),
        (lambda m: (m / 255).astype(np.float16)[None], ".npy"),
        (lambda m: np.where(m > 0, 0.51, 0.5), ".npy"),
    ],
)
def test_value_ranges(catalog: pd.DataFrame, write: Callable, convert: Callable, ending: str) -> None:
    root = write(convert(TRUTH), convert(HALF), ending=ending)
    assert score_predictions(root, catalog).total.miou == pytest.approx(0.75, abs=1e-6)


def test_a_faint_map_among_others_is_not_a_mask(catalog: pd.DataFrame, write: Callable) -> None:
    scores = score_predictions(write(TRUTH, TRUTH // 255), catalog)
    assert scores.by_category[DOG].miou == 0
    mask, faint = (Path("a.png"), TRUTH), (Path("b.png"), TRUTH // 255)
    assert full_scale([mask, faint]) == {np.dtype(np.uint8): 255.0}
    assert full_scale([faint]) == {np.dtype(np.uint8): 1.0}


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (TRUTH // 255 * 5, HALF // 255 * 12, r"uint8 values, which .* are 0, 5, 12: class indices"),
        (TRUTH // 255 * 5, HALF // 255 * 5, r"are 0, 5: class indices"),
        (TRUTH // 255 * 23, HALF, r"are 0, 23, 255: class indices"),  # 255: a border, as VOC has it
        (TRUTH.astype(np.uint16) // 255 * 5, HALF.astype(np.uint16) // 255, r"are 0, 1, 5: class indices"),
        (TRUTH // 2, HALF // 2, r"are 0, 127, far from 255, .* Save masks as 0 and 255"),
        (TRUTH.astype(np.uint16) // 2, HALF.astype(np.uint16), r"are 0, 127, 255, far from 65535"),
    ],
)
def test_values_of_no_known_scale_are_refused(
    catalog: pd.DataFrame, write: Callable, first: np.ndarray, second: np.ndarray, message: str
) -> None:
    with pytest.raises(PipelineError, match=r"/predictions/.*_1\.png: holds .*" + message):
        score_predictions(write(first, second), catalog)


def test_predictions_are_found_past_hidden_files_and_in_either_form(
    catalog: pd.DataFrame, write: Callable
) -> None:
    root = write(TRUTH, HALF)
    for path in list(root.rglob("*.png")):
        path.with_name(f"._{path.name}").write_bytes(b"\x00\x05\x16\x07")
    assert score_predictions(root, catalog).missing == ()
    accented = LabelledFrame("caf\u00e9", "", "test", 1, Path("none"))
    (root / "cafe\u0301_1.png").touch()
    assert find_predictions(root, [accented]) == [root / "cafe\u0301_1.png"]


def test_missing_predictions_are_named_and_left_out(catalog: pd.DataFrame, write: Callable) -> None:
    root = write(TRUTH, HALF)
    (root / f"{DOG}/b/b_4.png").unlink()
    scores = score_predictions(root, catalog)
    assert scores.missing == (f"{DOG}/b/b_4",)
    assert scores.total.frames == 9
    assert scores.total.miou == pytest.approx((5 + 4 * 0.5) / 9, abs=1e-6)


def test_a_category_without_any_prediction_has_no_figure(catalog: pd.DataFrame, write: Callable) -> None:
    root = write(TRUTH, HALF)
    for path in (root / f"{DOG}/b").iterdir():
        path.unlink()
    scores = score_predictions(root, catalog)
    assert scores.by_category[DOG].miou is None and len(scores.missing) == 5
    assert scores.miou_macro == pytest.approx(1, abs=1e-6)


def test_another_size_is_resized_and_counted(catalog: pd.DataFrame, write: Callable) -> None:
    large = cv2.resize(TRUTH, (32, 32), interpolation=cv2.INTER_NEAREST)
    scores = score_predictions(write(large, TRUTH), catalog)
    assert scores.resized == 5
    assert scores.total.miou == pytest.approx(1, abs=1e-6)


def test_frames_counted_from_zero_are_refused_unless_said(catalog: pd.DataFrame, write: Callable) -> None:
    root = write(TRUTH, TRUTH)
    for k in range(1, 6):
        for clip in (f"{CAT}/-a/-a", f"{DOG}/b/b"):
            (root / f"{clip}_{k}.png").rename(root / f"{clip}_{k - 1}.png")
    with pytest.raises(PipelineError, match="--first 0"):
        score_predictions(root, catalog)
    assert score_predictions(root, catalog, first=0).missing == ()
    with pytest.raises(PipelineError, match="leave out --first"):
        score_predictions(write(TRUTH, TRUTH), catalog, first=0)


def test_two_predictions_of_one_frame_are_refused(catalog: pd.DataFrame, write: Callable) -> None:
    root = write(TRUTH, TRUTH)
    write(TRUTH, TRUTH, "{name}_{k}")
    with pytest.raises(PipelineError, match="several predictions"):
        score_predictions(root, catalog)


def test_empty_folder_and_split(catalog: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="holds no"):
        find_predictions(tmp_path / "nowhere", labelled_frames(catalog, "test"))
    with pytest.raises(PipelineError, match="'val'"):
        labelled_frames(catalog, "val")
    assert len(labelled_frames(catalog, "train")) == 1


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.array([[0.0, 1.5]]), "outside 0 to 1"),
        (np.array([[np.nan, 0.5]]), "outside 0 to 1"),
        (np.array([[-0.1, 0.5]]), "outside 0 to 1"),
        (np.zeros((2, 4, 4)), "shape"),
        (np.zeros((0, 5)), "shape"),
        (np.array([[1, 2]], np.int64), "int64"),
        (np.array([["a"]]), "<U1"),
    ],
)
def test_doubtful_arrays_are_refused(tmp_path: Path, array: np.ndarray, said: str) -> None:
    np.save(tmp_path / "x_1.npy", array)
    with pytest.raises(PipelineError, match=said):
        read_values(tmp_path / "x_1.npy")


@pytest.mark.parametrize("colour", [(64, 0, 0), (0, 0, 0), (255, 255, 255)])
def test_a_palette_mask_counts_by_index_as_truth_does(tmp_path: Path, colour: tuple[int, ...]) -> None:
    image = Image.fromarray((TRUTH > 0).astype(np.uint8), mode="P")
    image.putpalette([0, 0, 0, *colour])
    image.save(tmp_path / "a_1.png")
    assert (read_values(tmp_path / "a_1.png") == TRUTH).all()


def test_a_palette_of_many_greys_is_a_map_of_probabilities(tmp_path: Path) -> None:
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).convert("P").save(tmp_path / "a_1.png")
    assert read_values(tmp_path / "a_1.png").flatten().tolist() == list(range(64))


def test_colour_pictures_are_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "x.png"), np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8))
    with pytest.raises(PipelineError, match="colour picture"):
        read_values(tmp_path / "x.png")


def test_a_shape_in_the_transparency_alone_is_refused(tmp_path: Path) -> None:
    image = np.zeros((8, 8, 4), np.uint8)
    image[2:5, 2:5, 3] = 255
    cv2.imwrite(str(tmp_path / "x.png"), image)
    with pytest.raises(PipelineError, match="in its transparency"):
        read_values(tmp_path / "x.png")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300), ending=st.sampled_from([".png", ".npy"]))
def test_any_bytes_give_values_or_an_error_that_names_the_file(
    tmp_path: Path, content: bytes, ending: str
) -> None:
    path = tmp_path / f"any{ending}"
    path.write_bytes(content)
    try:
        assert read_values(path).ndim == 2
    except PipelineError as error:
        assert str(path) in str(error)


def test_command(catalog: pd.DataFrame, write: Callable, tmp_path: Path) -> None:
    root = write(TRUTH, HALF)
    catalog["video"] = "clip.mp4"
    for column in ("audio", "frames", "silent_category", "silent_masks", "silent_audio"):
        catalog[column] = None
    write_catalog(tmp_path / "catalog.parquet", catalog.assign(start=0))
    app = typer.Typer()
    app.command()(score_command)
    options = ["--catalog", str(tmp_path / "catalog.parquet"), "--json", str(tmp_path / "out.json")]
    result = CliRunner().invoke(app, [str(root), *options])
    assert result.exit_code == 0, result.output
    assert "0.7500" in result.output and DOG in result.output
    assert json.loads((tmp_path / "out.json").read_text())["total"]["miou"] == pytest.approx(0.75, abs=1e-6)
    (root / f"{DOG}/b/b_4.png").unlink()
    result = CliRunner().invoke(app, [str(root), *options])
    assert isinstance(result.exception, PipelineError) and f"{DOG}/b/b_4" in str(result.exception)
    with pytest.raises(PipelineError, match="no such folder"):
        score_command(tmp_path / "nowhere", tmp_path / "catalog.parquet")
