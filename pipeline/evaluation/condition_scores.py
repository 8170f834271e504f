"""Per-clip scores of the masks under one audio condition, accumulated batch by batch."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.metrics.listening import false_positive_area, sensitivity, swap_passed
from pipeline.metrics.segmentation import fscore_curves, iou_per_frame


class ConditionScores:
    """Scores of the masks predicted under one audio condition: the true audio, or another.

    `update` takes one batch, `compute` returns the scores of all clips so far, as a metric of torchmetrics
    does. Scores are means over a clip's frames, so that tables by category and confidence intervals can be
    made from one pass.
    """

    def __init__(self) -> None:
        self._scores: defaultdict[str, list[Tensor]] = defaultdict(list)
        self._masks: list[NDArray[np.bool_]] = []

    def update_true(self, probability: Tensor, truth: Tensor) -> None:
        """Add a batch under the true audio.

        Args:
            probability: (B, T, H, W) float32.
            truth: (B, T, H, W), 0 or 1.
        """
        self._add("miou", _frame_ious(probability, truth))
        curves = fscore_curves(probability.flatten(0, 1), truth.flatten(0, 1))
        self._scores["fscore_curves"].append(curves.unflatten(0, truth.shape[:2]))

    def update_other(
        self,
        probability: Tensor,
        truth: Tensor,
        true_probability: Tensor,
        missing: Tensor,
        silent_object: Tensor | None = None,
    ) -> None:
        """Add a batch under another audio than the clips' own.

        Args:
            probability: (B, T, H, W) float32, under this condition.
            truth: (B, T, H, W), 0 or 1: the object that sounds under the true audio.
            true_probability: (B, T, H, W) float32, under the true audio.
            missing: (B,) bool: clips without this condition, whose scores are NaN.
            silent_object: (B, T, H, W), 0 or 1: the visible object whose sound this condition is, for the
                swap test; None where the condition is no other object's sound.
        """
        masks, true_masks = probability > 0.5, true_probability > 0.5
        self._add("miou", _frame_ious(probability, truth), missing)
        self._add("area", false_positive_area(masks), missing)
        self._add("sensitivity", sensitivity(true_masks, masks), missing)
        if silent_object is not None:
            # the frames of a clip below each other, (B, T H, W): a clip passes or fails as a whole
            tall = [m.flatten(1, 2).bool() for m in (true_masks, masks, truth, silent_object)]
            passed, _ = swap_passed(*tall)
            self._scores["swap_passed"].append(passed.float().masked_fill(missing, torch.nan))

    def keep_masks(self, probability: Tensor, clips: NDArray) -> None:
        """Keep the masks of these clips of a batch, for pictures.

        Args:
            probability: (B, T, H, W) float32.
            clips: positions within the batch.
        """
        self._masks.append((probability > 0.5)[clips].cpu().numpy())

    def compute(self) -> dict[str, NDArray[np.float64]]:
        """The scores of all clips.

        Returns:
            (n,) each: miou; under another audio area and sensitivity, and swap_passed where it was measured.
        """
        return {
            name: torch.cat(parts).cpu().numpy().astype(np.float64)
            for name, parts in self._scores.items()
            if name != "fscore_curves"
        }

    @property
    def fscore_curves(self) -> Tensor:
        """(n, T, 255) float32 of the true audio, as `pipeline.metrics.segmentation.fscore_curves`."""
        return torch.cat(self._scores["fscore_curves"]).cpu()

    @property
    def masks(self) -> NDArray[np.bool_]:
        """(pictures, T, H, W): the masks kept by `keep_masks`."""
        return np.concatenate(self._masks)

    def _add(self, name: str, by_frame: Tensor, missing: Tensor | None = None) -> None:
        """Add (B, T) scores as means over the clips' frames, NaN for clips without the condition."""
        by_clip = by_frame.mean(1)
        self._scores[name].append(by_clip if missing is None else by_clip.masked_fill(missing, torch.nan))


def _frame_ious(probability: Tensor, truth: Tensor) -> Tensor:
    """(B, T, H, W) each -> (B, T)."""
    return iou_per_frame(probability.flatten(0, 1), truth.flatten(0, 1)).unflatten(0, truth.shape[:2])
