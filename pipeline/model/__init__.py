"""Networks: tensors in, tensors out. No paths, no tables, no devices chosen here."""

from pipeline.model.backbone import BACKBONES, build_backbone
from pipeline.model.base import AVSModel, Encoded, ModelSettings, Segmentation
from pipeline.model.build import AUDIO_WIDTH, NETWORKS, build_model
from pipeline.model.heads import CropHeads, CropOutput
from pipeline.model.localiser import Localiser
from pipeline.model.segmenter import Segmenter
from pipeline.model.tpavi import TPAVI

__all__ = [
    "AUDIO_WIDTH",
    "BACKBONES",
    "NETWORKS",
    "TPAVI",
    "AVSModel",
    "CropHeads",
    "CropOutput",
    "Encoded",
    "Localiser",
    "ModelSettings",
    "Segmentation",
    "Segmenter",
    "build_backbone",
    "build_model",
]
