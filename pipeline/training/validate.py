"""Validation after each epoch: M_J, and where the run uses negative audio, G-mIoU."""

from __future__ import annotations

import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor

from pipeline.dataset.clips import ClipDataset, normalise
from pipeline.dataset.loader import prefetch
from pipeline.metrics.listening import g_miou
from pipeline.metrics.segmentation import iou_per_frame
from pipeline.model.base import AVSModel


@torch.no_grad()
def validate(
    model: AVSModel, fabric: Fabric, clips: ClipDataset, rows: NDArray, batch_size: int
) -> dict[str, float]:
    """Figures over the frames with a mask of the clips at `rows`, which the processes share out.

    Returns:
        `val/miou`, M_J; where training uses negative audio, `val/miou_other` as well, M_J under another
        category's audio against the same truth, and `val/g_miou`, the G-mIoU of both.
    """
    model.eval()
    mine = rows[fabric.global_rank :: fabric.world_size]
    groups = [mine[i : i + batch_size] for i in range(0, len(mine), batch_size)]
    # frames, the sum of their IoU under the true audio, and under another one
    total = torch.zeros(3, dtype=torch.float64, device=fabric.device)
    for batch in prefetch(clips, groups):
        batch = batch.to(fabric.device)
        sounds = [batch.audio]
        if clips.negatives is not None:
            other = clips.negatives.for_validation(batch.rows.numpy())
            sounds.append(torch.from_numpy(other).to(fabric.device))
        total[0] += batch.has_mask.sum()
        for place, audio in enumerate(sounds, start=1):
            with fabric.autocast():
                logits = model(normalise(batch.frames), audio).logits
            iou = iou_per_frame(logits.float().sigmoid()[batch.has_mask], batch.masks[batch.has_mask])
            total[place] += iou.double().sum()
    model.train()
    whole = fabric.all_reduce(total, reduce_op="sum")
    assert isinstance(whole, Tensor)
    frames, true, other = whole.tolist()
    figures = {"val/miou": true / frames}
    if clips.negatives is not None:
        figures |= {"val/miou_other": other / frames, "val/g_miou": g_miou(true / frames, other / frames)}
    return figures
