"""The training objective: the network, the crop heads, and the weighted sum of the loss terms."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.config.run_config import RunConfig
from pipeline.dataset.clips import Batch, BoxBatch, NegativeBatch, normalise
from pipeline.losses.gate import negative_gate_targets, own_gate_targets
from pipeline.losses.inputs import Crops, LossInputs, MaskedLogits, StageMaps
from pipeline.losses.terms import TERMS
from pipeline.model import CropHeads
from pipeline.model.base import Encoded
from pipeline.model.build import AUDIO_WIDTH, build_model
from pipeline.ops.boxes import boxes_to_masks
from pipeline.ops.distributed import gather


class Objective(nn.Module):
    """The sum of the weighted loss terms of a run.

        L = BCE + lambda AVM + w_cls CE(classifier(crop), category) + w_sim (1 - cos(mean audio, crop)) + ...

    `pipeline.losses.terms` lists them; a term that the run does not use is not computed. Crops go through the
    network's own encoder, so that their terms shape it. Negative audio is judged in one batch with the clips'
    own: batch norm would hide a shift that a batch of negatives alone shares.

    Args:
        config: of the run.
        labelled_frames: no clip has a mask beyond its first so many frames; None if unknown. Where no term
            reads the other frames, only those are decoded: the same loss and gradients for less work.
    """

    def __init__(self, config: RunConfig, labelled_frames: int | None = None) -> None:
        super().__init__()
        self.weights = {name: config.loss[name] for name in TERMS if name in config.loss}
        self.avm = config.avm
        every_frame = not all(TERMS[name].only_labelled_frames for name in self.weights)
        self.num_frames = None if every_frame else labelled_frames
        self.model = build_model(
            config.network, config.model, attention=config.attention, audio_dim=AUDIO_WIDTH
        )
        self.heads = (
            CropHeads(self.model.crop_width, categories=len(config.categories), audio_dim=AUDIO_WIDTH)
            if config.reads("crops")
            else None
        )
        self._compute: dict[str, Callable[[LossInputs], Tensor]] = {
            name: import_module(f"pipeline.losses.{name}").compute for name in self.weights
        }

    def forward(self, batch: Batch, batches: int = 1) -> dict[str, Tensor]:
        """The unweighted loss terms of a batch by name, and their weighted sum under "loss": scalars.

        With several processes each holds a part of the batch; every one's losses are those of the whole.

        Args:
            batch: on the device, normalised only here.
            batches: that the optimiser's step averages. A term that is summed over frames counts so many
                times, so that accumulating batches does not change its weight.
        """
        inputs = self._inputs(batch)
        terms = {name: compute(inputs) for name, compute in self._compute.items()}
        weighted = [
            weight * (batches if TERMS[name].summed_over_frames else 1) * terms[name]
            for name, weight in self.weights.items()
        ]
        return {"loss": torch.stack(weighted).sum(), **terms}

    def _inputs(self, batch: Batch) -> LossInputs:
        inputs = LossInputs(avm=self.avm or "av")
        if "bce" in self.weights:
            self._segment(inputs, batch)
        if "trimap" in self.weights:
            assert batch.audio is not None
            inputs.audio_cosines = self.model.audio_cosines(normalise(batch.frames), batch.audio)
        if self.heads is not None:
            assert batch.boxes is not None and batch.boxes.crops is not None and batch.audio is not None
            features = self.model.crop_features(normalise(batch.boxes.crops))
            class_logits, crop, audio = (gather(output) for output in self.heads(features, batch.audio))
            category, has_box = gather(batch.boxes.category), gather(batch.boxes.has_box)
            inputs.crops = Crops(class_logits, crop, audio, category, has_box)
        return inputs

    def _segment(self, inputs: LossInputs, batch: Batch) -> None:
        """Masks under the clips' own audio, and under negative audio from the same visual maps."""
        negatives, audio, clips = batch.negatives, batch.audio, len(batch.frames)
        apart = negatives.frames if negatives is not None else None
        encoded = self.model.encode(normalise(batch.frames), None if apart is None else normalise(apart))
        maps = encoded.maps
        if negatives is not None and negatives.targets is not None:
            assert audio is not None
            maps = [torch.cat([m, m[: len(negatives.audio)]]) for m in maps]
            audio = torch.cat([audio, negatives.audio])
        # masks are judged before the gate, which has a loss of its own
        both = self.model.decode(Encoded(maps), audio, num_frames=self.num_frames)
        inputs.logits = gather(both.logits[:clips])
        inputs.masks = gather(batch.masks[:, : self.num_frames])
        inputs.has_mask = gather(batch.has_mask[:, : self.num_frames])
        own = [m[:clips] for m in both.maps]
        inputs.stages = StageMaps(
            both.logits[:clips], own, [a if a is None else a[:clips] for a in both.audio]
        )
        if batch.boxes is not None and batch.boxes.pseudo_masks is not None:
            inputs.pseudo_masks = gather(batch.boxes.pseudo_masks[:, : self.num_frames])
        if negatives is not None and negatives.targets is not None:
            targets = gather(negatives.targets[:, : self.num_frames])
            inputs.negatives = MaskedLogits(gather(both.logits[clips:]), targets)
        if encoded.gate_features is not None and negatives is not None and batch.boxes is not None:
            assert batch.audio is not None
            inputs.gate = self._gate(encoded.gate_features, batch.audio, batch.boxes, negatives)

    def _gate(
        self, features: Tensor, audio: Tensor, boxes: BoxBatch, negatives: NegativeBatch
    ) -> MaskedLogits:
        """Every picture under the clip's own audio and under negative audio.

        With separate pasted pictures, clips without a paste appear twice and get double weight.
        """
        assert self.model.sound_gate is not None
        clips, n, pasted = len(audio), len(negatives.audio), negatives.pasted_mask > 0
        filled = boxes_to_masks(boxes.boxes, *pasted.shape[-2:]) > 0
        inside = filled & boxes.has_box[..., None, None]
        in_frames = torch.zeros_like(inside)
        if negatives.frames is None:
            in_frames[:n] = pasted
        maps = [features[:clips], features[:n]]
        sounds = [audio, negatives.audio]
        targets = [
            own_gate_targets(inside, in_frames),
            negative_gate_targets(inside[:n], in_frames[:n], negatives.offscreen),
        ]
        if negatives.frames is not None:
            maps += [features[clips:], features[clips:]]
            sounds += [audio[:n], negatives.audio]
            targets += [
                own_gate_targets(inside[:n], pasted),
                negative_gate_targets(inside[:n], pasted, negatives.offscreen),
            ]
        logits = self.model.sound_gate(torch.cat(maps), torch.cat(sounds))
        return MaskedLogits(gather(logits), gather(torch.cat(targets)))

    def parameter_groups(self, lr: float, heads_lr: float | None) -> list[dict[str, Any]]:
        """Optimiser groups: the network at `lr`, the crop heads, where there are any, at `heads_lr`."""
        groups: list[dict[str, Any]] = [{"params": list(self.model.parameters()), "lr": lr}]
        if self.heads is not None:
            groups.append({"params": list(self.heads.parameters()), "lr": heads_lr})
        return groups
