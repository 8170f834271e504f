"""What training minimises: the segmenter, the crop heads, and the weighted sum of the loss terms."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipeline.batches import Batch, normalise
from pipeline.distributed import gather
from pipeline.losses import avm_av, avm_vv, bce, classification, similarity
from pipeline.model import CropHeads, Segmenter
from pipeline.plan import Plan

AUDIO_WIDTH = 128  # of VGGish


def build_segmenter(plan: Plan) -> Segmenter:
    """The segmentation network that a plan asks for, with random weights."""
    return Segmenter(
        backbone=plan.model.backbone,
        channels=plan.model.channels,
        tpavi_stages=tuple(plan.model.tpavi_stages),
        audio_dim=AUDIO_WIDTH,
    )


class Objective(nn.Module):
    """L = BCE + lambda AVM + w_cls CE(classifier(crop), category) + w_sim (1 - cos(mean audio, crop)).

    The crops go through the segmenter's own encoder, so that the two last terms shape it. A term of weight 0
    is not computed, and the heads that only such terms need are not built.

    Args:
        labelled_frames: no clip has a mask beyond its first so many frames; None if unknown. Without an AVM
            loss, which reads all frames, only those are decoded: the same loss and gradients for less work.
    """

    def __init__(self, plan: Plan, labelled_frames: int | None = None) -> None:
        super().__init__()
        self.first = labelled_frames if plan.loss.lambda_ == 0 else None
        self.weights = plan.loss
        self.segmenter = build_segmenter(plan)
        self.heads = (
            CropHeads(self.segmenter.crop_width, categories=len(plan.categories), audio_dim=AUDIO_WIDTH)
            if plan.crops
            else None
        )

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The loss terms of a batch by name, unweighted, and their weighted sum under "loss": scalars.

        With several processes each holds a part of the batch; every one's losses are those of the whole.
        """
        output = self.segmenter(normalise(batch.frames), batch.audio, first=self.first)
        masks, labelled = gather(batch.masks[:, : self.first]), gather(batch.labelled[:, : self.first])
        terms = {"bce": bce(gather(output.logits), masks, labelled)}
        total = terms["bce"]
        weights = self.weights
        if weights.lambda_ > 0:
            avm = avm_av if weights.avm == "av" else avm_vv
            terms["avm"] = avm(output.logits, output.maps, output.audio)
            total = total + weights.lambda_ * terms["avm"]
        if self.heads is not None:
            assert batch.crops is not None and batch.present is not None
            assert batch.category is not None and batch.audio is not None
            features = self.segmenter.crop_features(normalise(batch.crops))
            scores, crop, sound = (gather(output) for output in self.heads(features, batch.audio))
            category, present = gather(batch.category), gather(batch.present)
            if weights.classification > 0:
                terms["classification"] = classification(scores, category, present)
                total = total + weights.classification * terms["classification"]
            if weights.similarity > 0:
                terms["similarity"] = similarity(crop, sound, present)
                total = total + weights.similarity * terms["similarity"]
        return {"loss": total, **terms}

    def parameter_groups(self, lr: float, heads_lr: float | None) -> list[dict]:
        """Optimiser groups: the segmenter at `lr`, the crop heads, where there are any, at `heads_lr`."""
        groups = [{"params": list(self.segmenter.parameters()), "lr": lr}]
        if self.heads is not None:
            groups.append({"params": list(self.heads.parameters()), "lr": heads_lr})
        return groups


def seed_everything(seed: int) -> None:
    """Seed torch on every device, and ask it for deterministic algorithms."""
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
