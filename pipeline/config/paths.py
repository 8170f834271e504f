"""Project paths: where stages and commands read and write, relative to the repository's root.

Only stages and commands import these; library functions take paths as arguments. dvc.yaml names the same
places. This module imports the standard library alone, so that `avs --help` stays fast.
"""

from __future__ import annotations

from pathlib import Path

PARAMS = Path("params.yaml")
PRESETS = Path("params")

DATA = Path("data")
DEMO = DATA / "demo"
CATALOG = DATA / "catalog.parquet"
FRAMES = DATA / "frames"
IMAGES = FRAMES / "images"  # the frames at their own size, for annotators
BOXES = DATA / "boxes"
CROPS = DATA / "crops"
PSEUDO_MASKS = DATA / "pseudo_masks"
AUDIO = DATA / "audio"
NEGATIVES = DATA / "negatives"
BANK = NEGATIVES / "bank" / "sounds.npy"
PLAN = DATA / "plan"
EVAL = DATA / "eval"

MODELS = Path("models")
LOGS = Path("logs")
RESUME = Path(".resume")  # states of interrupted trainings
PREDICTIONS = Path("predictions")
REPORTS = Path("reports")
METRICS = Path("metrics")
TRANSFER = METRICS / "transfer.json"  # of `avs listen --json`, which the report reads
SUMMARY = METRICS / "summary.json"

LABELS = Path("labels")
LABELS_VOC = LABELS / "voc"  # labels.dir of a project with data of its own
LABELS_REVIEW = LABELS / "boxes.csv"  # in git: what changed in the labels can be read in a diff
LABELS_CLASSES = LABELS / "classes.txt"  # of clips with several sounds, which have no category of their own
LABELS_CONFIG = LABELS / "label_studio.xml"  # to which `avs labels push` adds the categories
LABELS_REPORT = DATA / "labels.html"  # of `avs labels check`; reports/ belongs to the stage `report`
