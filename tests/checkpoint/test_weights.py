from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from pipeline.checkpoint import weights as module
from pipeline.checkpoint.weights import (
    WEIGHTS,
    Weights,
    check,
    fetch,
    find_weights,
    initial_weights,
    read_state,
)
from pipeline.cli.weights import weights_command
from pipeline.config.params import Model
from pipeline.model import Localiser, Segmenter
from pipeline.model.backbone import build_backbone
from pipeline.utils.errors import PipelineError
from tests.helpers.small_disk import files_of_at_most

RUN = CliRunner()


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A place that serves one small file."""
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "small.pth").write_bytes(b"weights")
    return tmp_path / "shelf"


def small(shelf: Path, sha256: str = hashlib.sha256(b"weights").hexdigest()[:8]) -> Weights:
    return Weights("small", "small.pth", (shelf / "small.pth").as_uri(), sha256, "a small net")


def test_fetch_from_address_and_again(shelf: Path, tmp_path: Path) -> None:
    path = fetch(small(shelf), tmp_path / "w")
    assert path.read_bytes() == b"weights"
    (shelf / "small.pth").unlink()  # the second call needs no network
    assert fetch(small(shelf), tmp_path / "w") == path


def test_fetch_from_folder(shelf: Path, tmp_path: Path) -> None:
    weights = Weights("small", "small.pth", "https://invalid.invalid/small.pth", small(shelf).sha256, "")
    assert fetch(weights, tmp_path / "w", source=shelf).read_bytes() == b"weights"


def test_wrong_hash_leaves_nothing(shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="not the published file"):
        fetch(small(shelf, "00000000"), tmp_path / "w")
    assert not list((tmp_path / "w").iterdir())


def test_broken_file_is_found(shelf: Path, tmp_path: Path) -> None:
    path = fetch(small(shelf), tmp_path / "w")
    path.write_bytes(b"weigh")
    with pytest.raises(PipelineError, match=r"small\.pth: is not the published file"):
        check(small(shelf), tmp_path / "w")


def test_unpublished_hash_is_recorded(shelf: Path, tmp_path: Path) -> None:
    weights = small(shelf, "")
    path = fetch(weights, tmp_path / "w")
    assert hashlib.sha256(b"weights").hexdigest() in (tmp_path / "w" / "sha256.json").read_text()
    check(weights, tmp_path / "w")
    path.write_bytes(b"other")
    with pytest.raises(PipelineError, match="not the published file"):
        check(weights, tmp_path / "w")


def test_missing_says_which_where_from_and_where_to(tmp_path: Path) -> None:
    with pytest.raises(PipelineError) as error:
        check(WEIGHTS["resnet50"], tmp_path)
    for part in (
        "resnet50-0676ba61.pth",
        "https://download.pytorch.org",
        str(tmp_path),
        "avs weights fetch resnet50",
    ):
        assert part in str(error.value)


def test_unreachable_address(tmp_path: Path) -> None:
    weights = Weights("x", "x.pth", (tmp_path / "nowhere.pth").as_uri(), "", "")
    with pytest.raises(PipelineError, match="cannot be read") as error:
        fetch(weights, tmp_path / "w")
    assert str(tmp_path / "w" / "x.pth") in str(error.value)
    assert "avs weights fetch" not in str(error.value)  # it was just run
    assert not list((tmp_path / "w").glob("*"))


def test_a_full_disk_is_not_the_sources_fault(tmp_path: Path) -> None:
    (tmp_path / "net.pth").write_bytes(bytes(100_000))
    weights = Weights("net", "net.pth", "http://nowhere", "", "a net")
    with files_of_at_most(20_000), pytest.raises(OSError, match="File too large"):
        fetch(weights, tmp_path / "w", source=tmp_path)
    assert not list((tmp_path / "w").iterdir())


@pytest.mark.parametrize("chunked", [False, True])
def test_a_download_that_ends_early_is_no_file(tmp_path: Path, chunked: bool) -> None:
    """Without a published hash nothing else would tell: the stump would be taken for the whole."""

    class Half(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", "2000")))
            self.end_headers()
            self.wfile.write(b"3e8\r\n" * chunked + b"x" * 900)

        def log_message(self, *arguments: object) -> None:
            pass

        protocol_version = "HTTP/1.1"

        def finish(self) -> None:
            self.close_connection = True
            super().finish()

    with HTTPServer(("127.0.0.1", 0), Half) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        weights = Weights("net", "net.pth", f"http://127.0.0.1:{server.server_port}/net.pth", "", "a net")
        with pytest.raises(PipelineError, match=r"net\.pth: cannot be read \("):
            fetch(weights, tmp_path / "w")
    assert not list((tmp_path / "w").iterdir())


def test_published_hashes_stand_in_the_names() -> None:
    for name, weights in WEIGHTS.items():
        assert weights.url.endswith(weights.file)
        assert (weights.sha256 in weights.file) and (weights.sha256 or name == "pvt_v2_b5")


@pytest.mark.parametrize("content", [b"", b"not weights", b"\x80\x04N.", b"PK\x03\x04"])
def test_unreadable_checkpoint_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(content)
    with pytest.raises(PipelineError, match=r"x\.pth"):
        read_state(path)


def test_code_is_never_unpickled(tmp_path: Path) -> None:
    torch.save({"a": Path("x")}, tmp_path / "x.pth")
    with pytest.raises(PipelineError, match=r"x\.pth"):
        read_state(tmp_path / "x.pth")


def model(pretrained: bool) -> Model:
    return Model(backbone="resnet18", pretrained=pretrained, channels=16, tpavi_stages=[4], image_size=32)


def test_initial_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert initial_weights(model(False), tmp_path) is None
    state = {
        **build_backbone("resnet18").state_dict(),
        "fc.weight": torch.zeros(1),
        "fc.bias": torch.zeros(1),
    }
    torch.save(state, tmp_path / "r18.pth")
    monkeypatch.setitem(module.WEIGHTS, "resnet18", Weights("r18", "r18.pth", "file:///none", "", ""))
    initial = initial_weights(model(True), tmp_path)
    assert initial is not None
    assert torch.equal(initial["encoder.conv1.weight"], state["conv1.weight"])
    assert set(initial) == {f"encoder.{key}" for key in state if not key.startswith("fc.")}

    del state["bn1.weight"]
    torch.save(state, tmp_path / "r18.pth")
    with pytest.raises(PipelineError, match=r"not a resnet18.*bn1\.weight"):
        initial_weights(model(True), tmp_path)


def ours(**changes: object) -> dict:
    """What `pipeline.training.train` writes, of the network that `model` describes, or of another."""
    width = {"channels": 16, "tpavi_stages": [4], **changes}
    return {"model": Segmenter("resnet18", **width).state_dict(), "config": {}, "heads": None, "epoch": 3}  # type: ignore[arg-type]


def start_from(path: str) -> Model:
    return Model(
        backbone="resnet18", pretrained=True, initial=path, channels=16, tpavi_stages=[4], image_size=32
    )


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "weights").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "weights"


def test_a_checkpoint_of_ours_is_started_from_instead_of_imagenet(here: Path) -> None:
    checkpoint = ours()
    torch.save(checkpoint, here / "s4.pt")
    initial = initial_weights(start_from("weights/s4.pt"))  # needs no ImageNet weights
    assert initial is not None and initial.keys() == checkpoint["model"].keys()
    assert all(torch.equal(initial[key], value) for key, value in checkpoint["model"].items())


def test_a_gated_checkpoint_is_started_from_with_or_without_its_gate(here: Path) -> None:
    checkpoint = ours(sound_gate=True)
    torch.save(checkpoint, here / "gated.pt")
    initial = initial_weights(start_from("weights/gated.pt"))
    assert initial is not None
    for gated in (True, False):
        network = Segmenter("resnet18", 16, [4], sound_gate=gated)
        assert not network.load_state_dict(initial, strict=False).missing_keys
        assert torch.equal(network.encoder.conv1.weight, checkpoint["model"]["encoder.conv1.weight"])
    gate = next(name for name in checkpoint["model"] if name.startswith("sound_gate."))
    del checkpoint["model"][gate]
    torch.save(checkpoint, here / "broken.pt")
    with pytest.raises(PipelineError, match=rf"broken\.pt: .*is missing {gate}"):
        initial_weights(start_from("weights/broken.pt"))


def test_a_segmenter_does_not_start_from_a_localiser(here: Path) -> None:
    state = Localiser("resnet18").state_dict()
    torch.save({"model": state, "config": {}, "heads": None, "epoch": 3}, here / "loc.pt")
    with pytest.raises(PipelineError, match=r"loc\.pt: .* the segmenter .*: it is missing decoder\."):
        initial_weights(start_from("weights/loc.pt"))


def test_a_localiser_starts_from_the_encoder_of_any_checkpoint(here: Path) -> None:
    state = Localiser("resnet18").state_dict()
    torch.save({"model": state, "config": {}, "heads": None, "epoch": 3}, here / "loc.pt")
    torch.save(ours(channels=24), here / "wide.pt")  # of a width that the plan does not say
    encoder = {name for name in state if name.startswith("encoder.")}
    for file in ("loc.pt", "wide.pt"):
        initial = initial_weights(start_from(f"weights/{file}"), network="localiser")
        assert initial is not None and initial.keys() == encoder
    other = start_from("weights/wide.pt").model_copy(update={"backbone": "resnet50"})
    with pytest.raises(
        PipelineError,
        match=r"wide\.pt: does not fit the localiser with backbone resnet50: it is missing encoder\.",
    ):
        initial_weights(other, network="localiser")


def test_a_published_checkpoint_is_started_from(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its translation is tested with the model; here it need only be chosen for a plain state dict."""
    network = Segmenter("resnet18", 16, [4])
    chosen = []
    monkeypatch.setattr(module, "published_segmenter", lambda state: chosen.append(list(state)) or network)
    plain = {"resnet.conv1.weight": torch.zeros(1)}
    for content in (plain, {"epoch": 1, "state_dict": {"model.resnet.conv1.weight": torch.zeros(1)}}):
        torch.save(content, here / "published.pth")
        initial = initial_weights(start_from("weights/published.pth"))
        assert initial is not None
        assert torch.equal(initial["encoder.conv1.weight"], network.encoder.conv1.weight)
    assert chosen == [list(plain)] * 2


def test_a_checkpoint_of_another_network_is_named_with_what_does_not_fit(here: Path) -> None:
    torch.save(ours(channels=24), here / "wide.pt")
    with pytest.raises(
        PipelineError,
        match=r"wide\.pt: does not fit .*channels 16.*in other shapes decoder\.",
    ):
        initial_weights(start_from("weights/wide.pt"))
    torch.save(ours(tpavi_stages=[3]), here / "third.pt")
    with pytest.raises(
        PipelineError, match=r"third\.pt: .*is missing tpavi\.4\..*; also has tpavi\.3\..*Set model\.\*"
    ):
        initial_weights(start_from("weights/third.pt"))
    torch.save({"fc.weight": torch.zeros(1)}, here / "foreign.pt")
    with pytest.raises(
        PipelineError, match=r"foreign\.pt: not a checkpoint of the published AVS.*fc\.weight"
    ):
        initial_weights(start_from("weights/foreign.pt"))
    with pytest.raises(PipelineError, match=r"weights/none\.pt: no such file"):
        initial_weights(start_from("weights/none.pt"))


@pytest.mark.parametrize("path", ["models/baseline-1/best.pt", "/elsewhere/s4.pt", "weights/../models/x.pt"])
def test_a_checkpoint_to_start_from_lies_in_weights(path: str) -> None:
    with pytest.raises(ValueError, match=r"copy the checkpoint into weights/"):
        start_from(path)


def test_command(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.WEIGHTS, "resnet50", small(shelf))
    fetched = RUN.invoke(weights_command, ["fetch", "resnet50", "--folder", str(tmp_path / "w")])
    assert fetched.exit_code == 0 and "is complete" in fetched.output
    checked = RUN.invoke(weights_command, ["check", "resnet50", "--folder", str(tmp_path / "w")])
    assert checked.exit_code == 0 and "is complete" in checked.output
    missing = RUN.invoke(weights_command, ["check", "--folder", str(tmp_path / "w")])
    assert isinstance(missing.exception, PipelineError)
    assert "vggish" in str(missing.exception) and "pvt_v2_b5" in str(missing.exception)
    unknown = RUN.invoke(weights_command, ["fetch", "resnet7"])
    assert isinstance(unknown.exception, PipelineError) and "resnet7" in str(unknown.exception)


TIMM = "test_efficientnet"  # timm's own smallest, published without a hash


def test_timms_weights_by_name() -> None:
    """A file with its hash in its name, and one without, which is then named after the model."""
    hashed = find_weights("resnet50d.ra2_in1k")
    assert (hashed.file, hashed.sha256) == ("resnet50d_ra2-464e36ba.pth", "464e36ba")
    assert hashed.url.endswith(f"/{hashed.file}")
    other = find_weights("convnext_tiny.in12k")
    assert (other.file, other.sha256) == ("convnext_tiny.in12k.safetensors", "")
    assert other.url.endswith("timm/convnext_tiny.in12k/resolve/main/model.safetensors")
    assert find_weights("pvt_v2_b5") is WEIGHTS["pvt_v2_b5"]
    for name in ("resnet7", "convnext_tiny.nosuch"):
        with pytest.raises(PipelineError, match=f"weights: {name}: not known; choose from resnet18"):
            find_weights(name)


def test_a_timm_encoder_starts_from_timms_weights(tmp_path: Path) -> None:
    """Fetched from a folder under the name that is looked for, and loaded without the classifier."""
    torch.manual_seed(0)
    state = timm.create_model(TIMM).state_dict()
    weights = find_weights(TIMM)
    (tmp_path / "from").mkdir()
    save_file(state, tmp_path / "from" / weights.file)
    command = ["fetch", TIMM, "--from", str(tmp_path / "from"), "--folder", str(tmp_path)]
    assert RUN.invoke(weights_command, command).exit_code == 0
    settings = model(True).model_copy(update={"backbone": TIMM})
    initial = initial_weights(settings, tmp_path)
    assert initial is not None
    assert initial.keys() == {f"encoder.{key}" for key in build_backbone(TIMM).state_dict()}
    assert torch.equal(initial["encoder.net.conv_stem.weight"], state["conv_stem.weight"])
    network = Segmenter(TIMM, 16, [4])
    assert not network.load_state_dict(initial, strict=False).unexpected_keys

    del state["conv_stem.weight"]
    (tmp_path / weights.file).unlink()
    (tmp_path / "sha256.json").unlink()
    save_file(state, tmp_path / weights.file)
    with pytest.raises(PipelineError, match=rf"not a {TIMM}.*conv_stem\.weight"):
        initial_weights(settings, tmp_path)


def test_an_encoder_that_does_not_fit_is_named(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"weights: resnet7: not known"):
        initial_weights(model(True).model_copy(update={"backbone": "resnet7"}), tmp_path)
