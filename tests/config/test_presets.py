"""Presets: what they set, what they leave, and that nothing a person wrote is lost unsaid."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from pipeline.cli.preset import preset_command
from pipeline.config.params import Augment, Params, load_params
from pipeline.config.presets import apply_preset, preset_names
from pipeline.utils.errors import PipelineError

NAMES = ["ms3-pvt", "ms3-resnet50", "s4-pvt", "s4-resnet50"]


@pytest.fixture
def repository(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """params.yaml, committed, and the presets, in the current folder; AVSBench/ beside them."""
    here = tmp_path / "repository"
    shutil.copytree(root / "params", here / "params")
    shutil.copy(root / "params.yaml", here)
    (tmp_path / "AVSBench").mkdir()
    for variable in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(variable, raising=False)
    author = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*author, "commit", "-q", "-m", "x"]):
        subprocess.run(["git", *command], cwd=here, check=True)
    monkeypatch.chdir(here)
    return here


def chosen(name: str) -> Params:
    apply_preset(name, root=Path("../AVSBench"))
    return load_params()


@pytest.mark.parametrize("name", NAMES)
def test_published_settings(repository: Path, name: str) -> None:
    assert preset_names() == NAMES
    setting, backbone = name.split("-")
    params = chosen(name)
    s4 = setting == "s4"
    assert params.data.source == setting and params.data.root.is_absolute()
    assert params.data.root.resolve() == (repository.parent / "AVSBench").resolve()
    assert params.labels.dir == Path("labels/voc")
    model, train = params.model, params.train
    assert (model.backbone, model.pretrained) == ({"pvt": "pvt_v2_b5"}.get(backbone, backbone), True)
    assert (model.channels, model.image_size, model.tpavi_stages) == (256, 224, [1, 2, 3, 4])
    assert (train.lr, train.batch_size, train.epochs) == (1e-4, 4, 15 if s4 else 30)
    assert (train.schedule, train.warmup_epochs, train.precision) == ("constant", 0, "32-true")
    assert (model.tpavi_bn_gamma, train.augment) == (0, Augment(flip=False, scale=0, colour=0))
    assert (params.loss.weight("lambda"), params.loss.avm) == (0.0 if s4 else 0.5, "av")
    assert train.variants == (["baseline", "proposed"] if s4 else ["baseline"])
    assert (params.audio.weights, params.audio.standardise) == ("weights/vggish-10086976.pth", False)
    assert (Path(params.audio.weights).parent, model.initial) == (Path("weights"), "")


def test_comments_and_other_values_stay(repository: Path) -> None:
    text = Path("params.yaml").read_text()
    before = yaml.safe_load(text)
    lines = apply_preset("s4-resnet50", root=Path("../AVSBench"))
    after = yaml.safe_load(Path("params.yaml").read_text())
    assert before["loss"]["similarity"] == after["loss"]["similarity"]
    assert before["demo"] == after["demo"]
    assert f"model.channels: {before['model']['channels']} -> 256" in lines
    changed = [f"{s}.{k}" for s in after for k in after[s] if after[s][k] != before[s].get(k)]
    assert sorted(line.split(":")[0] for line in lines) == sorted(changed)
    comments = [line.split("#", 1)[1].strip() for line in text.splitlines() if "#" in line]
    assert comments
    assert [c for c in comments if c not in Path("params.yaml").read_text()] == []


def test_from_preset_to_preset_and_back(repository: Path) -> None:
    start = load_params()
    first = chosen("s4-resnet50")
    assert apply_preset("s4-resnet50") == []
    assert apply_preset("ms3-pvt", labels=Path("mine"))  # the root stays; nothing was set by hand
    assert (load_params().data.root, load_params().labels.dir) == (first.data.root, Path("mine"))
    apply_preset("s4-resnet50", labels=first.labels.dir)
    assert load_params() == first
    subprocess.run(["git", "restore", "params.yaml"], check=True)
    assert load_params() == start


def test_hand_edits_are_not_lost_unsaid(repository: Path) -> None:
    chosen("s4-resnet50")
    path = Path("params.yaml")
    path.write_text(path.read_text().replace("\n  lr: 0.0001", "\n  lr: 0.0003"))
    edited = path.read_text()
    with pytest.raises(PipelineError, match=r"train\.lr \(0\.0003\).* would be lost.*--force"):
        apply_preset("s4-pvt")
    assert path.read_text() == edited
    apply_preset("s4-pvt", force=True)
    assert load_params().train.lr == 1e-4


def test_refusals_change_nothing(repository: Path) -> None:
    text = Path("params.yaml").read_text()
    with pytest.raises(PipelineError, match=r"s5\.yaml: no such preset; there are ms3-pvt, .*s4-resnet50"):
        apply_preset("s5", root=Path("../AVSBench"))
    with pytest.raises(PipelineError, match=r"data\.root: is still the demo's; say --root"):
        apply_preset("s4-pvt")
    preset = Path("params/s4-pvt.yaml")
    preset.write_text(preset.read_text().replace("image_size: 224", "image_size: 100"))
    with pytest.raises(PipelineError, match=r"preset s4-pvt:\n  model\.image_size:"):
        apply_preset("s4-pvt", root=Path("../AVSBench"))
    assert Path("params.yaml").read_text() == text


def test_command(repository: Path) -> None:
    run, app = CliRunner(), typer.Typer()
    app.command()(preset_command)
    done = run.invoke(app, ["s4-resnet50", "--root", "../AVSBench"])
    assert done.exit_code == 0, done.output
    assert "data.source: demo -> s4" in done.output and "labels/voc: created" in done.output
    assert Path("labels/voc").is_dir()
    again = run.invoke(app, ["s4-resnet50"])
    assert "nothing to change" in again.output and "created" not in again.output
    assert run.invoke(app, ["s4-pvt", "--root", "../nowhere"]).exit_code == 2


def test_windows_line_ends_stay(repository: Path) -> None:
    unix = Path("params.yaml").read_bytes()
    apply_preset("s4-pvt", root=Path("../AVSBench"))
    wanted = Path("params.yaml").read_bytes()
    Path("params.yaml").write_bytes(unix.replace(b"\n", b"\r\n"))
    apply_preset("s4-pvt", root=Path("../AVSBench"), force=True)
    assert Path("params.yaml").read_bytes() == wanted.replace(b"\n", b"\r\n")
