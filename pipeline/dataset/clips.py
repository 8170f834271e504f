"""The data set of clips: batches cut out of packed, memory-mapped arrays."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

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


class BoxBatch(NamedTuple):
    """What annotators' boxes give for the clips of a batch.

    Attributes:
        has_box: (B, T) bool.
        boxes: (B, T, 4) float32: left, top, right, bottom as fractions of the frame.
        category: (B,) int64, the clip's class for the crop classifier.
        crops: (B, T, s, s, 3) uint8, or None; missing crops are filled in (`fill_missing_crops`).
        pseudo_masks: (B, T, H, W) uint8: 0, 1 or `IGNORE_INDEX`, throughout in frames with a mask; or None.
    """

    has_box: Tensor
    boxes: Tensor
    category: Tensor
    crops: Tensor | None = None
    pseudo_masks: Tensor | None = None


class NegativeBatch(NamedTuple):
    """Negative audio for the first n <= B clips of a batch, and what it brings into the picture.

    Attributes:
        audio: (n, T, D) float32.
        offscreen: (n,) bool: the audio is another clip's; False for silence and noise.
        pasted_mask: (n, T, H, W) uint8: 1 where another clip's object was pasted over the clip.
        targets: (n, T, H, W) uint8: what the negative audio should show in `Batch.frames`, which hold what
            was pasted: 0, 1 or `IGNORE_INDEX`; or None.
        frames: (n, T, H, W, 3): the pictures with what was pasted, where `Batch.frames` are free of it; or
            None.
    """

    audio: Tensor
    offscreen: Tensor
    pasted_mask: Tensor
    targets: Tensor | None = None
    frames: Tensor | None = None


@dataclass  # not frozen: Fabric converts its floats for mixed precision, and can do so only then
class Batch:
    """B clips of T frames. Pictures are RGB from 0 to 255: uint8 as read, float after augmentation.

    Attributes:
        frames: (B, T, H, W, 3).
        masks: (B, T, H, W), 0 or 1; meaningful only where `has_mask`.
        has_mask: (B, T) bool.
        rows: (B,) int64, the clips' numbers in the catalogue; always in the host's memory.
        audio: (B, T, D) float32, or None for a variant that does not hear.
        boxes: None unless all clips of the batch are of the train split and the variant reads boxes.
        negatives: None unless the variant uses negative audio.
    """

    frames: Tensor
    masks: Tensor
    has_mask: Tensor
    rows: Tensor
    audio: Tensor | None = None
    boxes: BoxBatch | None = None
    negatives: NegativeBatch | None = None

    def to(self, device: torch.device) -> Batch:
        """The batch on `device`; copies from pinned memory do not wait."""
        moved = self._map(lambda tensor: tensor.to(device, non_blocking=True))
        moved.rows = self.rows
        return moved

    def pin(self) -> Batch:
        """The batch in page-locked memory, for copies to a GPU that do not wait."""
        return self._map(lambda tensor: tensor.pin_memory())

    def clone(self) -> Batch:
        """A copy with memory of its own."""
        return self._map(torch.clone)

    def copy_(self, other: Batch) -> None:
        """Take the values of a batch of the same shapes, in place."""
        for mine, theirs in zip(self.tensors(), other.tensors(), strict=True):
            mine.copy_(theirs)

    def tensors(self) -> Iterator[Tensor]:
        """All tensors that are there, in a fixed order."""
        for value in vars(self).values():
            group = value if isinstance(value, tuple) else (value,)
            yield from (tensor for tensor in group if tensor is not None)

    def _map(self, change: Callable[[Tensor], Tensor]) -> Batch:
        def each(value: Any) -> Any:
            if isinstance(value, tuple):
                return type(value)(*map(each, value))
            return None if value is None else change(value)

        return Batch(*map(each, vars(self).values()))


def normalise(pictures: Tensor) -> Tensor:
    """Pictures by ImageNet's mean and deviation: (..., H, W, 3) from 0 to 255 -> (..., 3, H, W) float32."""
    mean, std = _imagenet(pictures.device)
    return ((pictures.float() - mean) / std).movedim(-1, -3)


@functools.cache
def _imagenet(device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean and deviation for values to 255, (3,) each, copied to a device only once: a copy waits for it."""
    return torch.tensor(IMAGENET_MEAN, device=device) * 255, torch.tensor(IMAGENET_STD, device=device) * 255


class ClipDataset:
    """The packed data of all clips, in the catalogue's order.

    Args:
        frames: folder with frames.npy, masks.npy, labelled.npy.
        audio: (N, T, D) float32 features, or None.
        boxes: folder with present.npy, boxes.npy and crops.npy for the first C clips (the train split), or
            None.
        category: (N,) class indices for the crop classifier; needed with `boxes`.
        negatives: negative audio for training, or None; needs `boxes`.
        pseudo_masks: folder with pseudo_masks.npy for the first C clips, or None.
        crops: whether batches hold the crops themselves, and not only where they were cut.
        paste_separately: pasted objects come in pictures of their own, and a batch's frames stay free of
            them.

    Raises:
        PipelineError: a file is missing or broken, or audio and frames are not of the same clips.
    """

    def __init__(
        self,
        frames: Path,
        audio: NDArray | None = None,
        boxes: Path | None = None,
        category: NDArray | None = None,
        negatives: NegativeSampler | None = None,
        pseudo_masks: Path | None = None,
        *,
        crops: bool = True,
        paste_separately: bool = False,
    ) -> None:
        self.frames = open_packed(frames / "frames.npy")
        self.masks = open_packed(frames / "masks.npy")
        self.has_mask = open_packed(frames / "labelled.npy")
        self.audio, self.category = audio, category
        self.has_box = open_packed(boxes / "present.npy") if boxes else None
        self.boxes = open_packed(boxes / "boxes.npy") if boxes else None
        self.crops = open_packed(boxes / "crops.npy") if boxes and crops else None
        self._filled = fill_missing_crops(np.asarray(self.has_box)) if self.crops is not None else None
        self.pseudo_masks = open_packed(pseudo_masks / "pseudo_masks.npy") if pseudo_masks else None
        self.negatives, self.paste_separately = negatives, paste_separately
        if audio is not None and len(audio) != len(self.frames):
            raise PipelineError(
                f"{frames}: holds {len(self.frames)} clips, the audio features {len(audio)}; run `dvc repro`."
            )

    def load(self, rows: NDArray, epoch: int | None = None) -> Batch:
        """Read the clips at `rows` into one batch.

        Args:
            rows: (B,) row numbers of the catalogue.
            epoch: of training, which decides the negative audio; None: the batch has none.
        """
        batch = Batch(
            _read(self.frames, rows),
            _read(self.masks, rows),
            _read(self.has_mask, rows),
            torch.from_numpy(np.asarray(rows, dtype=np.int64)),
            None if self.audio is None else _read(self.audio, rows),
            self._boxes(rows),
        )
        if self.negatives is not None and epoch is not None:
            self._add_negatives(batch, rows, epoch)
        return batch

    def _boxes(self, rows: NDArray) -> BoxBatch | None:
        """The boxes of clips that all have some to read: those of the train split."""
        if self.boxes is None or self.has_box is None or self.category is None:
            return None
        if not len(rows) or rows.max() >= len(self.has_box):
            return None
        crops = pseudo_masks = None
        if self.crops is not None and self._filled is not None:
            clips, frames = self._filled
            crops = torch.from_numpy(np.asarray(self.crops[clips[rows], frames[rows]]))
        if self.pseudo_masks is not None:
            pseudo_masks = self._pseudo_masks(rows)
        has_box, boxes, category = (_read(a, rows) for a in (self.has_box, self.boxes, self.category))
        return BoxBatch(has_box, boxes, category, crops, pseudo_masks)

    def _add_negatives(self, batch: Batch, rows: NDArray, epoch: int) -> None:
        """Add negative audio for the first clips, and paste in what it brings."""
        assert self.negatives is not None
        sample = self.negatives.draw(rows, epoch)
        n = len(sample.sources)
        # silence and noise have no source: the clip takes its place, and nothing of it is used
        sources = np.where(sample.sources < 0, rows[:n], sample.sources)
        offscreen, paste = torch.from_numpy(sample.sources >= 0), torch.from_numpy(sample.paste)
        pasted = copy_paste(self._pixels(rows[:n]), self._pixels(sources), offscreen, paste)
        batch.negatives = negatives = NegativeBatch(
            torch.from_numpy(sample.audio), offscreen, pasted.mask.to(torch.uint8)
        )
        if self.paste_separately:
            batch.negatives = negatives._replace(frames=pasted.frames)
            return
        batch.negatives = negatives._replace(targets=pasted.targets)
        batch.frames[:n] = pasted.frames
        batch.masks[:n][pasted.mask] = 0
        if batch.boxes is not None and batch.boxes.pseudo_masks is not None:
            unmasked = ~batch.has_mask[:n, :, None, None]
            batch.boxes.pseudo_masks[:n][pasted.mask & unmasked] = 0

    def _pixels(self, rows: NDArray) -> ClipPixels:
        assert self.boxes is not None and self.has_box is not None
        has_mask, masks = _read(self.has_mask, rows)[..., None, None], _read(self.masks, rows)
        unknown = torch.tensor(IGNORE_INDEX, dtype=torch.uint8)
        rest = unknown if self.pseudo_masks is None else self._pseudo_masks(rows)
        truth = torch.where(has_mask, masks, rest)
        return ClipPixels(_read(self.frames, rows), truth, _read(self.boxes, rows), _read(self.has_box, rows))

    def _pseudo_masks(self, rows: NDArray) -> Tensor:
        """Pseudo-masks of the frames without a mask; the others have nothing to learn from them."""
        assert self.pseudo_masks is not None
        has_mask = _read(self.has_mask, rows)[..., None, None]
        return _read(self.pseudo_masks, rows).masked_fill(has_mask, IGNORE_INDEX)


def _read(array: NDArray, rows: NDArray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array[rows]))
