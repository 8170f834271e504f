"""Batches of clips from the packed arrays: memory-mapped."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.dataset.copy_paste import ClipPixels, copy_paste
from pipeline.dataset.missing_crops import fill_missing_crops
from pipeline.dataset.negative_sampler import NegativeSampler
from pipeline.ops.ignore_index import IGNORE_INDEX
from pipeline.utils.errors import PipelineError
from pipeline.utils.packed_arrays import open_packed

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass  # not frozen: Fabric converts its floats for mixed precision, and can do so only then
class Batch:
    """B clips of T frames. Pictures are RGB from 0 to 255: uint8 as read, float after augmentation.

    Attributes:
        frames: (B, T, H, W, 3).
        masks: (B, T, H, W), 0 or 1; only where `labelled` do they mean anything.
        labelled: (B, T) bool.
        rows: (B,) int64, the clips' numbers in the catalogue; in the host's memory, whatever the device.
        audio: (B, T, 128) float32, or None for a variant that does not listen.
        crops: (B, T, s, s, 3) uint8, or None; in the place of a missing one stands another (`fill_missing_crops`).
        present: (B, T) bool: which frames have a box and a crop; None without boxes.
        boxes: (B, T, 4) float32: left, top, right, bottom as fractions of the frame; None without boxes.
        category: (B,) int64: the clip's class for the crop classifier; None without boxes.
        others: (n, T, 128) float32, n <= B: other sounds for the first n clips, or None.
        offscreen: (n,) bool: which of them are other clips'; the rest is silence and noise.
        laid: (n, T, H, W) uint8: 1 where these clips' objects were pasted over the first n clips.
        pasted: (n, T, H, W, 3): those pictures, where `frames` and masks are free of them; or None.
        other_truth: (n, T, H, W) uint8: what the other sounds should show in `frames` that hold what was
            pasted: 0, 1 or `IGNORE_INDEX`; or None.
        outlines: (B, T, H, W) uint8: 0, 1 or `IGNORE_INDEX`, which a frame with a mask is throughout; or None.
    """

    frames: Tensor
    masks: Tensor
    labelled: Tensor
    rows: Tensor
    audio: Tensor | None = None
    crops: Tensor | None = None
    present: Tensor | None = None
    boxes: Tensor | None = None
    category: Tensor | None = None
    others: Tensor | None = None
    offscreen: Tensor | None = None
    laid: Tensor | None = None
    pasted: Tensor | None = None
    other_truth: Tensor | None = None
    outlines: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """The batch on `device`; copies from pinned memory do not wait."""
        return replace(self._each(lambda tensor: tensor.to(device, non_blocking=True)), rows=self.rows)

    def pin(self) -> Batch:
        """The batch in page-locked memory, for copies to a GPU that do not wait."""
        return self._each(lambda tensor: tensor.pin_memory())

    def clone(self) -> Batch:
        """A copy with memory of its own."""
        return self._each(torch.clone)

    def copy_(self, other: Batch) -> None:
        """Take the values of a batch of the same shapes, in place."""
        for field in fields(self):
            if (mine := getattr(self, field.name)) is not None:
                mine.copy_(getattr(other, field.name))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        values = (getattr(self, field.name) for field in fields(self))
        return Batch(*(None if value is None else change(value) for value in values))  # type: ignore[arg-type]


def normalise(pictures: Tensor) -> Tensor:
    """(..., H, W, 3) from 0 to 255 -> (..., 3, H, W) float32, by ImageNet's mean and deviation."""
    mean, std = _imagenet(pictures.device)
    return ((pictures.float() - mean) / std).movedim(-1, -3)


@functools.cache
def _imagenet(device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean and deviation for values to 255, (3,) each, brought to a device once: a copy waits for it."""
    return torch.tensor(IMAGENET_MEAN, device=device) * 255, torch.tensor(IMAGENET_STD, device=device) * 255


class ClipDataset:
    """The packed data of all clips, in the catalogue's order.

    Args:
        frames: folder with frames.npy, masks.npy, labelled.npy.
        audio: (N, T, 128) float32 features, or None.
        boxed: folder with present.npy, boxes.npy and crops.npy for the first C clips (the train split), or
            None.
        category: (N,) class indices for the crop classifier; needed with `boxed`.
        negatives: other sounds that training hears, or None; needs `boxed`, whose boxes it reads.
        outlines: folder with pseudo_masks.npy for the first C clips, or None.
        crops: whether batches hold the crops themselves, and not only where they were cut.
        pasted_apart: other clips' objects come in pictures of their own, beside a batch's frames.
    """

    def __init__(
        self,
        frames: Path,
        audio: NDArray | None = None,
        boxed: Path | None = None,
        category: NDArray | None = None,
        negatives: NegativeSampler | None = None,
        outlines: Path | None = None,
        *,
        crops: bool = True,
        pasted_apart: bool = False,
    ) -> None:
        self.frames = open_packed(frames / "frames.npy")
        self.masks = open_packed(frames / "masks.npy")
        self.labelled = open_packed(frames / "labelled.npy")
        self.audio = audio
        self.present = open_packed(boxed / "present.npy") if boxed else None
        self.boxes = open_packed(boxed / "boxes.npy") if boxed else None
        self.crops = open_packed(boxed / "crops.npy") if boxed and crops else None
        self._shown = fill_missing_crops(np.asarray(self.present)) if self.crops is not None else None
        self.category = category
        self.negatives, self.pasted_apart = negatives, pasted_apart
        self.outlines = open_packed(outlines / "pseudo_masks.npy") if outlines else None
        if audio is not None and len(audio) != len(self.frames):
            raise PipelineError(
                f"{frames}: holds {len(self.frames)} clips, the audio features {len(audio)}; run `dvc repro`."
            )

    def take(self, rows: NDArray, epoch: int | None = None) -> Batch:
        """Read the clips at `rows` into one batch; without boxes and crops where not all of them have some.

        Args:
            epoch: of training, which decides the other sounds; None: none are given.
        """
        boxed = self.present is not None and len(rows) > 0 and rows.max() < len(self.present)

        def pick(array: NDArray | None, wanted: bool = True) -> Tensor | None:
            return _read(array, rows) if wanted and array is not None else None

        batch = Batch(
            _read(self.frames, rows),
            _read(self.masks, rows),
            _read(self.labelled, rows),
            torch.from_numpy(np.asarray(rows, dtype=np.int64)),
            pick(self.audio),
            self._crops(rows) if boxed and self.crops is not None else None,
            pick(self.present, boxed),
            pick(self.boxes, boxed),
            pick(self.category, boxed),
            outlines=self._outlines(rows) if boxed and self.outlines is not None else None,
        )
        return batch if self.negatives is None or epoch is None else self._with_others(batch, rows, epoch)

    def _with_others(self, batch: Batch, rows: NDArray, epoch: int) -> Batch:
        """The batch with other sounds for its first clips, and what these bring into the picture."""
        assert self.negatives is not None
        drawn = self.negatives.draw(rows, epoch)
        n = len(drawn.donors)
        # silence and noise have no donor: the clip stands in, and nothing of it is used
        donors = np.where(drawn.donors < 0, rows[:n], drawn.donors)
        offscreen, pasted = torch.from_numpy(drawn.donors >= 0), torch.from_numpy(drawn.pasted)
        heard = copy_paste(self._seen(rows[:n]), self._seen(donors), offscreen, pasted)
        batch = replace(
            batch,
            others=torch.from_numpy(drawn.sounds),
            offscreen=offscreen,
            laid=heard.laid.to(torch.uint8),
        )
        if self.pasted_apart:
            return replace(batch, pasted=heard.frames)
        batch.frames[:n] = heard.frames
        batch.masks[:n][heard.laid] = 0
        if batch.outlines is not None:
            batch.outlines[:n][heard.laid & ~batch.labelled[:n, :, None, None]] = 0
        return replace(batch, other_truth=heard.truth)

    def _crops(self, rows: NDArray) -> Tensor:
        assert self.crops is not None and self._shown is not None
        clips, frames = self._shown
        return torch.from_numpy(np.asarray(self.crops[clips[rows], frames[rows]]))

    def _seen(self, rows: NDArray) -> ClipPixels:
        assert self.boxes is not None and self.present is not None
        labelled, masks = _read(self.labelled, rows)[..., None, None], _read(self.masks, rows)
        rest = (
            torch.tensor(IGNORE_INDEX, dtype=torch.uint8) if self.outlines is None else self._outlines(rows)
        )
        truth = torch.where(labelled, masks, rest)
        return ClipPixels(_read(self.frames, rows), truth, _read(self.boxes, rows), _read(self.present, rows))

    def _outlines(self, rows: NDArray) -> Tensor:
        """Outlines of the frames that have no drawn mask; of the others nothing is left to learn."""
        assert self.outlines is not None
        drawn = _read(self.labelled, rows)[..., None, None]
        return _read(self.outlines, rows).masked_fill(drawn, IGNORE_INDEX)


def _read(array: NDArray, rows: NDArray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array[rows]))
