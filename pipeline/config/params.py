"""Settings in params.yaml, typed and validated: an unknown key or a wrong value is an error that names it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)
from ruamel.yaml import YAML, YAMLError

from pipeline.config.paths import PARAMS
from pipeline.config.renamed import renamed_keys
from pipeline.config.variants import VARIANTS
from pipeline.losses.terms import SETTINGS
from pipeline.utils.errors import PipelineError

Seed = Annotated[int, Field(ge=0, lt=2**32)]  # what NumPy's generators accept
Weight = Annotated[float, Field(ge=0)]


class Group(BaseModel):
    """A section of params.yaml: strict types, no unknown keys, finite numbers, immutable."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, populate_by_name=True, allow_inf_nan=False
    )


def _below_weights(path: str) -> str:
    # training replaces models/, and DVC sees a change only in the folder that the stages depend on
    if Path(path).parts[:1] != ("weights",) or ".." in Path(path).parts:
        raise ValueError("copy the checkpoint into weights/ and name it there")
    return path


class Data(Group):
    """Where the clips come from."""

    source: Literal["demo", "s4", "ms3"]
    root: Path = Field(strict=False)
    prefer: Literal["videos", "frames"] = "videos"


class Frames(Group):
    """The images that annotators see."""

    jpeg_quality: int = Field(95, ge=50, le=100)


class Labels(Group):
    """Where the annotators' VOC XML is."""

    dir: Path = Field(strict=False)


class Crops(Group):
    """How boxed objects are cut out."""

    size: int = Field(ge=32, multiple_of=32)
    padding: float = Field(ge=0, le=1)


class Audio(Group):
    """The audio features."""

    weights: str = Field("seeded", description="'seeded', or the path of a published VGGish checkpoint")
    seed: Seed = 0
    standardise: bool = True

    @field_validator("weights")
    @classmethod
    def _in_weights(cls, path: str) -> str:
        return path if path == "seeded" else _below_weights(path)


class Model(Group):
    """The network, and what it starts from."""

    backbone: str = Field(min_length=1, description="resnet18, resnet50, pvt_v2_b5 or another timm model")
    pretrained: bool = False
    initial: str = Field("", description="a checkpoint in weights/ to start from; '' for none")
    channels: int = Field(256, ge=8, multiple_of=8)
    tpavi_stages: list[Literal[1, 2, 3, 4]] = Field([1, 2, 3, 4], min_length=1)
    tpavi_bn_gamma: float = Field(0.0, ge=0, description="first scale of TPAVI's batch norm; 0 as published")
    sound_gate: bool = False
    image_size: int = Field(ge=32, multiple_of=32)

    @field_validator("tpavi_stages")
    @classmethod
    def _once_each(cls, stages: list[int]) -> list[int]:
        if sorted(set(stages)) != stages:
            raise ValueError("list each stage once, in rising order")
        return stages

    @field_validator("initial")
    @classmethod
    def _in_weights(cls, path: str) -> str:
        return path and _below_weights(path)


_WEIGHTS: Any = dict.fromkeys(SETTINGS, (Weight, 0.0))
_Weights: Any = create_model("_Weights", __base__=Group, **_WEIGHTS)


class Loss(_Weights):
    """Weights of the loss terms, by the keys of `pipeline.losses.terms`, and the form of the AVM loss."""

    avm: Literal["av", "vv"] = "av"

    def weight(self, key: str) -> float:
        """The weight of the term with this key."""
        return getattr(self, key)


class Augment(Group):
    """Random changes of training pictures; 0 or false turns one off."""

    flip: bool = False
    scale: float = Field(
        0.0, ge=0, lt=1, description="zoom in by a factor from 1 to 1 + scale, on any part of the picture"
    )
    colour: float = Field(0.0, ge=0, lt=1, description="gain and offset of each channel within +- colour")


class Negatives(Group):
    """How training samples negative audio, for the variants that use some."""

    share: float = Field(0.5, gt=0, le=1, description="of a batch's clips that also get negative audio")
    copy_paste: float = Field(
        0.5, ge=0, le=1, description="of those that get another clip's: its boxed object is pasted in"
    )


class Train(Group):
    """Training: the same for all variants."""

    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    lr: float = Field(gt=0)
    heads_lr: float = Field(gt=0)
    schedule: Literal["constant", "cosine"] = "constant"
    warmup_epochs: float = Field(0.0, ge=0)
    augment: Augment = Augment()  # type: ignore[call-arg]
    negatives: Negatives = Negatives()  # type: ignore[call-arg]
    keep_epochs: list[Annotated[int, Field(ge=1)]] = Field(
        default_factory=list, description="epochs whose checkpoints are kept; []: the middle and the last"
    )
    seeds: list[Seed] = Field(min_length=1)
    variants: list[str] = Field(min_length=1)
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    devices: int = Field(1, ge=1)
    accumulate: int = Field(1, ge=1)
    checkpointing: bool = False
    compile: bool = False
    cuda_graph: bool = False

    @field_validator("seeds", "variants")
    @classmethod
    def _distinct(cls, values: list[Any]) -> list[Any]:
        # a run listed twice would count as two trainings in every interval
        if len(set(values)) < len(values):
            raise ValueError("each may be listed only once")
        return values

    @field_validator("variants")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        if unknown := [name for name in names if name not in VARIANTS]:
            raise ValueError(f"no variant is called {unknown[0]!r}; there are {', '.join(VARIANTS)}")
        return names

    @model_validator(mode="after")
    def _warms_up(self) -> Train:
        if self.warmup_epochs > self.epochs:
            raise ValueError(
                f"warmup_epochs: {self.warmup_epochs} of {self.epochs} epochs: the rate never reaches lr"
            )
        return self


class Evaluate(Group):
    """Evaluation of the test split."""

    batch_size: int = Field(ge=1)
    pictures: int = Field(6, ge=0)
    seed: Seed = 0


class Demo(Group):
    """The demo data set."""

    setting: Literal["s4", "ms3"] = "s4"
    seed: Seed = 0
    categories: int = Field(ge=2, le=23)
    train: int = Field(ge=1)
    val: int = Field(ge=1)
    test: int = Field(ge=1)
    width: int = Field(160, ge=64, multiple_of=2)
    height: int = Field(120, ge=64, multiple_of=2)
    silent_objects: int = Field(1, ge=0, le=1)


class Compute(Group):
    """How the data stages share out their work."""

    jobs: int = -1
    backend: Literal["loky", "ray"] = "loky"

    @field_validator("jobs")
    @classmethod
    def _some(cls, jobs: int) -> int:
        if jobs == 0:
            raise ValueError("-1 is all cores, any other number that many")
        return jobs


class Params(Group):
    """All of params.yaml."""

    data: Data
    frames: Frames = Frames()  # type: ignore[call-arg]
    labels: Labels
    crops: Crops
    audio: Audio = Audio()  # type: ignore[call-arg]
    model: Model
    loss: Loss
    train: Train
    evaluate: Evaluate
    demo: Demo
    compute: Compute = Compute()

    @model_validator(mode="after")
    def _gate_exists(self) -> Params:
        if self.loss.weight("gate") > 0 and not self.model.sound_gate:
            raise ValueError("loss.gate: needs the gate itself; set model.sound_gate to true")
        return self


def parse_params(values: Any, source: str = "params.yaml") -> Params:
    """Validate a mapping as read from YAML. Raises `PipelineError` that names every offending key."""
    if not isinstance(values, dict):
        raise PipelineError(f"{source}: is not a mapping of sections; start from the one in the repository.")
    if old := renamed_keys(values):
        raise PipelineError(f"{source}:\n" + "\n".join(f"  {key}: {news}" for key, news in old.items()))
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            key = ".".join(str(part) for part in problem["loc"])
            if problem["type"] == "extra_forbidden":
                lines.append(f"  {key}: unknown key; check its spelling")
            elif problem["type"] == "missing":
                lines.append(f"  {key}: is missing")
            else:
                lines.append(f"  {key}: {_reason(problem)}" if key else f"  {_reason(problem)}")
        raise PipelineError(f"{source}:\n" + "\n".join(lines)) from error


def _reason(problem: Any) -> str:
    """Pydantic's message, with the offending value unless that is a whole section."""
    reason = problem["msg"].removeprefix("Value error, ")
    whole_section = isinstance(problem["input"], dict | BaseModel)
    return reason if whole_section else f"{reason} (got {problem['input']!r})"


def read_yaml(text: str) -> Any:
    """Parse YAML 1.2, as DVC reads and writes it: 1e-05 is a number there, and a text in YAML 1.1.

    Raises `ruamel.yaml.YAMLError`.
    """
    return YAML(typ="safe", pure=True).load(text)


def load_params(path: Path = PARAMS) -> Params:
    """Read and validate params.yaml. Raises `PipelineError` naming the file and the keys that are wrong."""
    try:
        values = read_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PipelineError(f"{path}: no such file; run from the repository's root.") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise PipelineError(f"{path}: is not YAML: {error}") from error
    return parse_params(values, str(path))
