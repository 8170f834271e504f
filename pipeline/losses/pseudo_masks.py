"""The mask loss on pseudo-masks, which GrabCut makes of boxes.

After "Simple Does It" (Khoreva et al., CVPR 2017).
"""

from __future__ import annotations

from torch import Tensor

from pipeline.losses.inputs import LossInputs
from pipeline.losses.masked_bce import masked_bce


def compute(inputs: LossInputs) -> Tensor:
    """`masked_bce` of the masks under the clips' own audio: a scalar."""
    assert inputs.logits is not None and inputs.pseudo_masks is not None
    return masked_bce(inputs.logits, inputs.pseudo_masks)
