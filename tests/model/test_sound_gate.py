from __future__ import annotations

import pytest
import torch

from pipeline.model import Encoded, Segmenter
from pipeline.model.sound_gate import INITIAL_BIAS, SoundGate


@pytest.fixture
def gated() -> Segmenter:
    torch.manual_seed(0)
    return Segmenter("resnet18", channels=16, sound_gate=True).eval()


@pytest.mark.parametrize("size", [(32, 32), (96, 64)])
def test_a_logit_a_pixel_under_any_number_of_sounds(size: tuple[int, int]) -> None:
    gate = SoundGate((8, 16, 32, 64), audio_dim=4)
    maps = [torch.randn(6, 2 * s, size[0] // s, size[1] // s) for s in (4, 8, 16, 32)]
    seen = gate.project_maps(maps)
    assert seen.shape[2:] == (size[0] // 8, size[1] // 8)
    assert gate(seen.unflatten(0, (2, 3)), torch.randn(2, 3, 4)).shape == (2, 3, *size)


def test_the_logit_by_hand() -> None:
    """One place a frame: its vector times the sound's key, over the root of their length, and the bias."""
    torch.manual_seed(0)
    gate = SoundGate((8, 16, 24, 32), audio_dim=4)
    seen, audio = torch.randn(1, 2, 64, 1, 1), torch.randn(1, 2, 4)
    found = gate(seen, audio)
    for t in range(2):
        out = gate.sound(torch.cat([audio[0, t], (audio[0, 0] + audio[0, 1]) / 2]))
        by_hand = (seen[0, t, :, 0, 0] * out[:64]).sum() / 8 + out[64] + INITIAL_BIAS
        torch.testing.assert_close(found[0, t], by_hand.expand(8, 8))


def test_it_looks_at_what_things_are_not_at_where_they_end() -> None:
    """The finest map, of stride 4, is the mask's; each of the others counts."""
    torch.manual_seed(0)
    maps = [torch.randn(2, s, 64 // s, 64 // s, requires_grad=True) for s in (4, 8, 16, 32)]
    SoundGate((4, 8, 16, 32), audio_dim=4).project_maps(maps).square().sum().backward()
    assert [m.grad is not None and bool(m.grad.any()) for m in maps] == [False, True, True, True]


def test_both_have_to_say_yes(gated: Segmenter) -> None:
    frames, audio = torch.randn(1, 2, 3, 32, 64), torch.randn(1, 2, 128)
    with torch.no_grad():
        encoded = gated.encode(frames)
        mask = gated.decode(Encoded(encoded.maps), audio).logits
        heard = gated.sound_gate(encoded.gate_features, audio)  # type: ignore[misc]
        both = gated.decode(encoded, audio)
    assert torch.equal(both.logits, torch.minimum(mask, heard))
    assert torch.equal(both.logits > 0, (mask > 0) & (heard > 0))
    with torch.no_grad():
        torch.testing.assert_close(gated(frames, audio, num_frames=1).logits, both.logits[:, :1])


def test_a_network_without_a_gate_is_as_before() -> None:
    torch.manual_seed(0)
    plain = Segmenter("resnet18", channels=16).eval()
    assert plain.sound_gate is None and not [key for key in plain.state_dict() if "gate" in key]
    assert plain.encode(torch.randn(1, 1, 3, 32, 32)).gate_features is None


def test_gate_frames_teach_the_gate_alone(gated: Segmenter) -> None:
    """The encoder neither learns from them nor counts them, and the masks are those without them."""
    gated.train()
    frames, more, audio = torch.randn(2, 2, 3, 32, 32), torch.randn(1, 2, 3, 32, 32), torch.randn(1, 2, 128)
    state = {key: value.clone() for key, value in gated.state_dict().items()}
    maps = gated.encode(frames).maps
    after = {key: value.clone() for key, value in gated.state_dict().items() if key.startswith("encoder")}
    gated.load_state_dict(state)
    both = gated.encode(frames, more)
    assert all(torch.equal(a, b) for a, b in zip(maps, both.maps, strict=True))
    counted = {key: value for key, value in gated.state_dict().items() if key.startswith("encoder")}
    counted = {key: value for key, value in counted.items() if "num_batches" not in key}
    assert all(torch.equal(value, after[key]) for key, value in counted.items())
    assert both.gate_features is not None and both.gate_features.shape[0] == 3
    # the gate's own batch norm sees all pictures, so the encoder's gradient is through `frames` alone
    gated.eval()
    gated.sound_gate(gated.encode(frames, more).gate_features[2:], audio).sum().backward()  # type: ignore[misc]
    assert all(p.grad is None or not p.grad.any() for p in gated.encoder.parameters())
    assert all(p.grad is not None and p.grad.any() for p in gated.sound_gate.mix[1].parameters())  # type: ignore
