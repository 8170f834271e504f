"""`avs predict`: a trained model on one's own video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.config.paths import AUDIO, MODELS, PREDICTIONS
from pipeline.utils.errors import PipelineError


def predict_command(
    video: Annotated[Path, typer.Argument(help="any video file; its first five seconds are used")],
    checkpoint: Annotated[Path, typer.Option(help="the trained model")] = MODELS / "baseline-1" / "best.pt",
    audio: Annotated[
        Path | None,
        typer.Option(help="a video or sound file to use as the sound", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="folder for the results", show_default="predictions/MODEL/VIDEO")
    ] = None,
) -> None:
    """Segment what sounds in a video: masks, a picture of them, and the probabilities.

    One frame per second and features of the sound, as in training. --audio shows whether the model listens:
    another sound should give another mask.

    Example: avs predict holiday.mp4 --audio dog.wav
    """
    import torch
    from rich.console import Console

    from pipeline.audio.extractor import AudioFeatureExtractor
    from pipeline.checkpoint.load import load_checkpoint
    from pipeline.evaluation.predict import predict_video, write_prediction
    from pipeline.utils.files import digest

    for file in (video, audio):
        if file is not None and not file.exists():
            raise PipelineError(f"{file}: no such file.")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = load_checkpoint(checkpoint, device)
    if audio is not None and not model.config.audio:
        raise PipelineError(
            f"{checkpoint}: variant {model.config.variant} has no audio input: --audio would change nothing."
        )
    extractor = AudioFeatureExtractor.from_folder(AUDIO) if model.config.audio else None
    found = predict_video(model, video, extractor, audio, device=device)
    name = video.stem if audio is None else f"{video.stem}-{audio.stem}"
    folder = out or PREDICTIONS / checkpoint.absolute().parent.name / name
    write_prediction(folder, video.stem, found)
    console = Console(soft_wrap=True)
    shares = ", ".join(f"{mask.mean():.0%}" for mask in found.masks)
    console.print(f"{folder}/overlay.png: the masks cover {shares} of the frames", markup=False)
    features = AUDIO / "features.npy"
    if found.note:
        console.print(f"note: {found.note}", markup=False)
    if extractor is None or not features.exists():
        return
    if "audio" not in model.config.inputs:  # the published code's
        unknown = f"{checkpoint} does not say which audio features it was trained with"
        console.print(f"note: {unknown}; it was given those of VGGish {extractor.weights}", markup=False)
    elif digest([features]) != model.config.inputs["audio"]:
        console.print(f"note: {AUDIO} was made again after {checkpoint} was trained", markup=False)
