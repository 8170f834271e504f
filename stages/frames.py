"""DVC stage `frames`: five frames of every clip, as images for annotators and packed for training."""

from __future__ import annotations

from pipeline.config.params import load_params
from pipeline.config.paths import CATALOG, FRAMES
from pipeline.data.catalog import read_catalog
from pipeline.data.frames import build_frames
from stages.common import run, workers


def main() -> None:
    """Decode each clip's five frames; pack frames and masks.

    Example: python -m stages.frames
    """
    params = load_params()
    notes = build_frames(
        read_catalog(CATALOG),
        FRAMES,
        image_size=params.model.image_size,
        jpeg_quality=params.frames.jpeg_quality,
        workers=workers(params.compute),
    )
    if notes:
        print(
            f"clips whose last frame is repeated: {len(notes)}, named in {FRAMES / 'notes.json'}", flush=True
        )


if __name__ == "__main__":
    run(main)
