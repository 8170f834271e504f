"""Published figures, on other data: printed for orientation, never as measured here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rerun:
    """A reported training on AVSBench S4, ResNet-50, in the form of the report's own table."""

    name: str
    epochs: int
    val_miou: float
    best_epoch: int
    miou: float
    fscore: float


# Reported by the work that proposed the crop losses.
RERUNS = (
    Rerun("baseline (TPAVI, rerun)", 15, 0.682, 8, 0.679, 0.79),
    Rerun("proposed", 15, 0.7196, 9, 0.726, 0.8449),
)


@dataclass(frozen=True)
class System:
    """A system of the literature on AVSBench: M_J and M_F on S4 and MS3.

    `family` is that of the variant that represents it here (`pipeline.config.variants`).
    """

    name: str
    family: str
    miou_s4: float
    miou_ms3: float
    fscore_s4: float
    fscore_ms3: float


# Reported by Zhou et al., "Audio-Visual Segmentation", ECCV 2022.
SYSTEMS = (
    System("LVS", "sound localisation", 0.379, 0.295, 0.510, 0.330),
    System("MSSL", "sound localisation", 0.449, 0.261, 0.663, 0.363),
    System("3DC", "video objects", 0.571, 0.369, 0.759, 0.503),
    System("SST", "video objects", 0.663, 0.426, 0.801, 0.572),
    System("iGAN", "salient objects", 0.616, 0.429, 0.778, 0.544),
    System("LGVT", "salient objects", 0.749, 0.407, 0.873, 0.593),
    System("TPAVI, ResNet-50", "audio-visual segmentation", 0.728, 0.479, 0.848, 0.578),
    System("TPAVI, PVT-v2", "audio-visual segmentation", 0.787, 0.540, 0.879, 0.645),
)
