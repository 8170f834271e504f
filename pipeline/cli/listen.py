"""`avs listen`: the negative-audio test of any checkpoint, on the data of this checkout or of another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.config.paths import AUDIO, DATA, TRANSFER
from pipeline.utils.errors import PipelineError

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from pipeline.dataset.evaluation import EvaluationData


def listen_command(
    checkpoints: Annotated[
        list[Path], typer.Argument(help="models/VARIANT-SEED/best.pt, or the published code's, one or more")
    ],
    data: Annotated[Path, typer.Option(help="packed data to test on: frames, audio, negatives")] = DATA,
    audio: Annotated[
        Path, typer.Option(help="audio features that the checkpoints were trained with")
    ] = AUDIO,
    split: Annotated[
        str, typer.Option(help="test, or val: noise and the swap test exist for test alone")
    ] = "test",
    batch_size: Annotated[int, typer.Option(min=1, help="clips")] = 8,
    json: Annotated[
        Path | None, typer.Option(help="write the figures to this file", show_default=False)
    ] = None,
    clips: Annotated[
        Path | None,
        typer.Option(help="write MODEL/per_clip.csv to this folder, for `avs compare`", show_default=False),
    ] = None,
) -> None:
    """Test checkpoints with their clips' own sounds and with others: what do they segment?

    With --data of another checkout this is the transfer test: trained on one data set, tested on another. The
    report shows the figures of metrics/transfer.json the next time it is made.

    Example: avs listen models/*/best.pt --data ../two-source/data --json metrics/transfer.json
    """
    from dataclasses import replace

    import torch
    from rich.console import Console

    from pipeline.checkpoint.load import load_checkpoint
    from pipeline.dataset.evaluation import read_evaluation_data, restandardise
    from pipeline.utils.files import atomic_path, digest, write_json
    from pipeline.utils.packed_arrays import open_packed

    paths: dict[str, Path] = {}
    for path in checkpoints:  # a mistake in the last of them costs no work on the first
        name = path.absolute().parent.name
        if name in paths:
            raise PipelineError(f"{path}: a second checkpoint of {name}; test one of each at a time.")
        paths[name] = path
        load_checkpoint(path, torch.device("cpu"))
    features = audio / "features.npy"
    open_packed(features)  # missing or broken, it is named before any work
    packed = read_evaluation_data(data)
    packed = replace(
        packed,
        audio=restandardise(packed.audio, data / "audio", audio),
        sounds={name: restandardise(sound, data / "audio", audio) for name, sound in packed.sounds.items()},
    )
    trained_with = digest([features])
    console, models = Console(markup=False, emoji=False), {}  # names are printed as they are
    for name, path in paths.items():
        models[name], by_clip = _evaluate(path, packed, split, batch_size)
        if clips is not None:
            with atomic_path(clips / name / "per_clip.csv") as temporary:
                by_clip.to_csv(temporary, index=False)
        if models[name].pop("audio_digest") not in (None, trained_with):
            console.print(f"{name}: was not trained with {audio}; give the folder it was with --audio.")
    console.print(_table(models))
    if json is not None:
        found = {"data": str(data), "split": split, "two_source": packed.two_source, "models": models}
        write_json(json, found)
        if json == TRANSFER:
            console.print("next: dvc repro --force --single-item report (it says what transfers)")


def _evaluate(
    path: Path, data: EvaluationData, split: str, batch_size: int
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Figures of one checkpoint, with `audio_digest` of its training features, and its scores by clip."""
    import torch

    from pipeline.checkpoint.load import load_checkpoint
    from pipeline.evaluation.evaluate import evaluate
    from pipeline.evaluation.tables import listening_json
    from pipeline.report.tables import miou_where_swapped
    from pipeline.utils.progress import show

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    checkpoint = load_checkpoint(path, device)
    result = evaluate(checkpoint, data, split, device=device, batch_size=batch_size, track=show)
    figures = {
        "variant": checkpoint.config.variant,
        "clips": len(result.clips),
        "miou_where_swapped": miou_where_swapped(result.clips),
        "audio_digest": checkpoint.config.inputs.get("audio"),
        "figures": result.figures,
        "listening": listening_json(result.listening),
    }
    return figures, result.clips


def _table(models: dict[str, dict[str, Any]]) -> Table:
    from rich.table import Table

    from pipeline.metrics.listening import NEGATIVE_CONDITIONS
    from pipeline.report.tables import SHORT_CONDITION_NAMES

    sounds = [f"G-mIoU, {SHORT_CONDITION_NAMES[name]}" for name in NEGATIVE_CONDITIONS]
    table = Table("model", "M_J", "M_J, another's", *sounds, "swap test", padding=0)  # 80 columns
    table.columns[0].no_wrap = True
    keys = ("miou", "swapped_miou", *(f"g_miou_{name}" for name in NEGATIVE_CONDITIONS), "swap_passed")
    for name, model in models.items():
        values = [model["figures"].get(key) for key in keys]
        table.add_row(name, *("–" if value is None else f"{value:.3f}" for value in values))
    return table
