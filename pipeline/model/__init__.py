"""Networks: tensors in, tensors out. No paths, no tables, no devices chosen here."""

from pipeline.model.backbone import BACKBONES, build_backbone
from pipeline.model.heads import CropHeads, CropOutput
from pipeline.model.localiser import Localiser
from pipeline.model.segmenter import Segmentation, Segmenter
from pipeline.model.tpavi import TPAVI

__all__ = [
    "BACKBONES",
    "TPAVI",
    "CropHeads",
    "CropOutput",
    "Localiser",
    "Segmentation",
    "Segmenter",
    "build_backbone",
]
