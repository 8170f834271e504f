"""What training minimises: the network, the crop heads, and the weighted sum of the loss terms."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from pipeline import losses
from pipeline.config.run_config import RunConfig
from pipeline.dataset.clips import Batch, normalise
from pipeline.model import AUDIO_WIDTH, AVSModel, CropHeads, Encoded, Localiser, build_model
from pipeline.ops.boxes import boxes_to_masks
from pipeline.ops.distributed import gather

# Weight of "nothing sounds outside the box" beside the projection term, which is at most 2.
OUTSIDE = 1.0


class Objective(nn.Module):
    """The sum of weighted terms, which `LossWeights` names:

    L = BCE + lambda AVM + w_cls CE(classifier(crop), category) + w_sim (1 - cos(mean audio, crop))
      + w_con InfoNCE(crops, sounds) + w_box (projection + outside)
      + w_out BCE(outlines) + w_neg BCE(mask under other sounds) + w_gate BCE(gate, boxes)

    for a segmenter, and the tri-map contrast alone for a localiser, which sees no mask. The crops go through
    the network's own encoder, so that their terms shape it. A term of weight 0 is not computed, and the heads
    that only such terms need are not built.

    Other sounds are judged beside the clips' own in one batch: batch norm would hide a shift that a batch of
    negatives alone shares.

    Args:
        labelled_frames: no clip has a mask beyond its first so many frames; None if unknown. Where no term
            reads the other frames, only those are decoded: the same loss and gradients for less work.
    """

    def __init__(self, plan: RunConfig, labelled_frames: int | None = None) -> None:
        super().__init__()
        self.weights = plan.loss
        loss = plan.loss
        reads_all = max(loss.lambda_, loss.box, loss.outlines, loss.negatives, loss.trimap) > 0
        self.num_frames = None if reads_all else labelled_frames
        self.segmenter = build_model(plan.network, plan.model, attention=plan.attention)
        self.heads = (
            CropHeads(self.segmenter.crop_width, categories=len(plan.categories), audio_dim=AUDIO_WIDTH)
            if plan.loss.heads
            else None
        )

    def forward(self, batch: Batch, batches: int = 1) -> dict[str, Tensor]:
        """The loss terms of a batch by name, unweighted, and their weighted sum under "loss": scalars.

        A step follows the mean gradient of its `batches`: in "loss" the AVM term, a sum over frames as
        published, counts so many times, so that their number does not change its weight.

        With several processes each holds a part of the batch; every one's losses are those of the whole.
        """
        if self.weights.trimap > 0:
            weighted = {"trimap": (self.weights.trimap, self._trimap(cast(Localiser, self.segmenter), batch))}
        else:
            weighted = self._segment(self.segmenter, batch, batches) | self._crops(batch)
        total = torch.stack([weight * term for weight, term in weighted.values()]).sum()
        return {"loss": total, **{name: term for name, (_, term) in weighted.items()}}

    def _segment(self, segmenter: AVSModel, batch: Batch, batches: int) -> dict[str, tuple[float, Tensor]]:
        weights = self.weights
        gate_frames = None if batch.pasted is None else normalise(batch.pasted)
        maps, gate_features = segmenter.encode(normalise(batch.frames), gate_frames)
        audio, clips = batch.audio, len(batch.frames)
        if batch.other_truth is not None:  # judged with the same pictures
            assert batch.others is not None and audio is not None
            maps = [torch.cat([m, m[: len(batch.others)]]) for m in maps]
            audio = torch.cat([audio, batch.others])
        both = segmenter.decode(Encoded(maps), audio, num_frames=self.num_frames)
        logits = gather(both.logits[:clips])
        masks, labelled = (
            gather(batch.masks[:, : self.num_frames]),
            gather(batch.labelled[:, : self.num_frames]),
        )
        terms = {"bce": (1.0, losses.bce(logits, masks, labelled))}
        if weights.lambda_ > 0:
            avm = losses.avm_av if weights.avm == "av" else losses.avm_vv
            own = [m[:clips] for m in both.maps]  # maps are large: the loss gathers small features of them
            aligned = [a if a is None else a[:clips] for a in both.audio]
            terms["avm"] = (batches * weights.lambda_, avm(both.logits[:clips], own, aligned))
        if weights.box > 0:  # where a mask is drawn, the box has nothing to add
            assert batch.boxes is not None and batch.present is not None
            boxes = gather(boxes_to_masks(batch.boxes[:, : self.num_frames], *logits.shape[-2:]))
            weak = gather(batch.present[:, : self.num_frames]) & ~labelled
            shadow = losses.projection(logits, boxes, weak)
            terms["box"] = (weights.box, shadow + OUTSIDE * losses.outside_box(logits, boxes, weak))
        if weights.outlines > 0:
            assert batch.outlines is not None
            outlines = gather(batch.outlines[:, : self.num_frames])
            terms["outlines"] = (weights.outlines, losses.masked_bce(logits, outlines))
        if batch.other_truth is not None:
            truth = gather(batch.other_truth[:, : self.num_frames])
            terms["negatives"] = (weights.negatives, losses.masked_bce(gather(both.logits[clips:]), truth))
        if gate_features is not None and batch.others is not None:
            terms["gate"] = (weights.gate, self._gate(segmenter, gate_features, batch))
        return terms

    def _gate(self, segmenter: AVSModel, gate_features: Tensor, batch: Batch) -> Tensor:
        """Every picture under the clip's own sound and under the other one.

        With `batch.pasted`, a clip in which nothing could be pasted is there twice, and counts so.
        """
        assert segmenter.sound_gate is not None and batch.audio is not None and batch.others is not None
        assert batch.boxes is not None and batch.present is not None
        assert batch.laid is not None and batch.offscreen is not None
        clips, n, laid = len(batch.frames), len(batch.others), batch.laid > 0
        boxes = boxes_to_masks(batch.boxes, *laid.shape[-2:]) > 0
        inside = boxes & batch.present[..., None, None]
        in_frames = torch.zeros_like(inside)
        if batch.pasted is None:
            in_frames[:n] = laid
        maps = [gate_features[:clips], gate_features[:n]]
        sounds = [batch.audio, batch.others]
        truths = [
            losses.own_gate_targets(inside, in_frames),
            losses.other_gate_targets(inside[:n], in_frames[:n], batch.offscreen),
        ]
        if batch.pasted is not None:
            maps += [gate_features[clips:], gate_features[clips:]]
            sounds += [batch.audio[:n], batch.others]
            truths += [
                losses.own_gate_targets(inside[:n], laid),
                losses.other_gate_targets(inside[:n], laid, batch.offscreen),
            ]
        logits = segmenter.sound_gate(torch.cat(maps), torch.cat(sounds))
        return losses.gate_bce(gather(logits), gather(torch.cat(truths)))

    def _crops(self, batch: Batch) -> dict[str, tuple[float, Tensor]]:
        if self.heads is None:
            return {}
        assert batch.crops is not None and batch.present is not None
        assert batch.category is not None and batch.audio is not None
        weights = self.weights
        features = self.segmenter.crop_features(normalise(batch.crops))
        scores, crop, sound = (gather(output) for output in self.heads(features, batch.audio))
        category, present = gather(batch.category), gather(batch.present)
        terms = {}
        if weights.classification > 0:
            named = losses.classification(scores, category, present)
            terms["classification"] = (weights.classification, named)
        if weights.similarity > 0:
            terms["similarity"] = (weights.similarity, losses.similarity(crop, sound, present))
        if weights.contrastive > 0:
            matched = losses.contrastive(crop, sound, present, category)
            terms["contrastive"] = (weights.contrastive, matched)
        return terms

    def _trimap(self, localiser: Localiser, batch: Batch) -> Tensor:
        assert batch.audio is not None
        frames = normalise(batch.frames)
        parts = [
            losses.trimap(localiser.compare(frames[:, t], batch.audio[:, t])) for t in range(frames.shape[1])
        ]
        return torch.stack(parts).mean()

    def parameter_groups(self, lr: float, heads_lr: float | None) -> list[dict]:
        """Optimiser groups: the network at `lr`, the crop heads, where there are any, at `heads_lr`."""
        groups = [{"params": list(self.segmenter.parameters()), "lr": lr}]
        if self.heads is not None:
            groups.append({"params": list(self.heads.parameters()), "lr": heads_lr})
        return groups
