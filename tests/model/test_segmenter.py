from __future__ import annotations

import pytest
import torch

from pipeline.losses.avm import avm_av
from pipeline.model import Segmenter


@pytest.fixture(scope="module")
def small() -> Segmenter:
    torch.manual_seed(0)
    net = Segmenter("resnet18", channels=16)
    for block in net.tpavi.values():
        torch.nn.init.ones_(block.bn.weight)
    return net


@pytest.mark.parametrize("seconds", [1, 3, 5])
@pytest.mark.parametrize("size", [(32, 32), (96, 64), (32, 160)])
def test_any_size_any_length(small: Segmenter, seconds: int, size: tuple[int, int]) -> None:
    small.eval()
    with torch.no_grad():
        out = small(torch.randn(2, seconds, 3, *size), torch.randn(2, seconds, 128))
    assert out.logits.shape == (2, seconds, *size)
    assert [tuple(m.shape) for m in out.maps] == [
        (2, seconds, 16, size[0] // s, size[1] // s) for s in (4, 8, 16, 32)
    ]
    assert all(a is not None and a.shape == (2, seconds, 16) for a in out.audio)
    assert all((m >= 0).all() for m in out.maps)


def test_other_sizes_are_refused(small: Segmenter) -> None:
    with pytest.raises(ValueError, match="divisible by 32"):
        small(torch.randn(1, 1, 3, 48, 64), torch.randn(1, 1, 128))


def test_one_encoding_serves_many_sounds(small: Segmenter) -> None:
    small.eval()
    frames, sounds = torch.randn(2, 3, 3, 32, 32), [torch.randn(2, 3, 128), torch.rand(2, 3, 128), None]
    with torch.no_grad():
        maps = small.encode(frames)
        masks = [small.decode(maps, sound).logits for sound in sounds]
        for sound, mask in zip(sounds, masks, strict=True):
            torch.testing.assert_close(mask, small(frames, sound).logits)
    assert (masks[0] - masks[1]).abs().max() > 1e-4
    assert (masks[0] - masks[2]).abs().max() > 1e-4


@pytest.mark.parametrize("with_audio", [True, False])
def test_first_frames_alone_are_the_same(small: Segmenter, with_audio: bool) -> None:
    """In value and in gradient, batch norm's batch statistics included."""
    small.double().train()
    frames = torch.randn(2, 3, 3, 32, 32, dtype=torch.double)
    audio = torch.randn(2, 3, 128, dtype=torch.double) if with_audio else None
    gradients = []
    for num_frames in (None, 1):
        out = small(frames, audio, num_frames=num_frames)
        assert out.logits.shape[1] == (num_frames or 3) == out.maps[0].shape[1]
        small.zero_grad()
        out.logits[:, :1].square().mean().backward()
        gradients.append([p.grad.clone() for p in small.parameters() if p.grad is not None])
    for whole, part in zip(*gradients, strict=True):
        torch.testing.assert_close(whole, part)
    small.float()


def test_stages_are_chosen() -> None:
    net = Segmenter("resnet18", channels=16, tpavi_stages=[3])
    out = net(torch.randn(1, 2, 3, 32, 32), torch.randn(1, 2, 128))
    assert [a is not None for a in out.audio] == [False, False, True, False]
    assert avm_av(*out).isfinite()
    assert not any(key.startswith("tpavi.1.") for key in net.state_dict())


def test_crops_leave_the_running_averages_alone(small: Segmenter) -> None:
    small.train()
    before = {k: v.clone() for k, v in small.encoder.state_dict().items() if "running" in k}
    features = small.crop_features(torch.randn(2, 5, 3, 32, 32) * 3 + 1)
    assert features.shape == (2, 5, small.crop_width) and features.requires_grad
    after = small.encoder.state_dict()
    assert all(torch.equal(after[k], v) for k, v in before.items())
    small(torch.randn(2, 1, 3, 32, 32) * 3 + 1, None)  # frames do move them
    assert not torch.equal(small.encoder.state_dict()["bn1.running_mean"], before["bn1.running_mean"])


def test_same_seed_same_network() -> None:
    nets = []
    for _ in range(2):
        torch.manual_seed(3)
        nets.append(Segmenter("resnet18", channels=16).state_dict())
    assert all(torch.equal(nets[0][key], nets[1][key]) for key in nets[0])


def test_pvt_end_to_end(pvt: Segmenter) -> None:
    out = pvt.train()(torch.randn(1, 2, 3, 32, 32), torch.randn(1, 2, 128), num_frames=1)
    assert out.logits.shape == (1, 1, 32, 32)
    out.logits.mean().backward()
    grad = pvt.encoder.get_parameter("patch_embed.proj.weight").grad
    assert grad is not None and grad.abs().sum() > 0


def test_what_each_attention_attends_to() -> None:
    """Zeros in the sound's place; the clip's frames, whatever the sound; each frame as a clip of its own."""
    torch.manual_seed(0)
    frames, audio = torch.randn(1, 3, 3, 32, 32), torch.randn(1, 3, 128)
    sound = Segmenter("resnet18", channels=16, tpavi_bn_gamma=1.0).eval()
    answers = {}
    with torch.no_grad():
        for attention in ("constant", "clip", "frame"):
            net = Segmenter("resnet18", channels=16, attention=attention).eval()
            net.load_state_dict(sound.state_dict())
            answers[attention] = net(frames, audio).logits
            assert torch.equal(answers[attention], net(frames, None).logits)
        torch.testing.assert_close(answers["constant"], sound(frames, torch.zeros_like(audio)).logits)
        torch.testing.assert_close(answers["clip"], sound(frames, None).logits)
        single = [sound(frame, None).logits for frame in frames.split(1, dim=1)]
        torch.testing.assert_close(answers["frame"], torch.cat(single, dim=1))
        assert (answers["frame"] - answers["clip"]).abs().max() > 1e-4
    with pytest.raises(ValueError, match="attention: 'sight' is none of sound, constant, clip, frame"):
        Segmenter("resnet18", channels=16, attention="sight")
