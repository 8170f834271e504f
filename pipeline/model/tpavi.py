"""TPAVI, temporal pixel-wise audio-visual interaction (Zhou et al., ECCV 2022), exact and in linear cost.

For a clip of T frames of h x w positions, N = T h w, with V (N x C) the visual map, A the audio repeated at
every position of its frame, and theta, phi, g, mu linear layers of inner width I = C / 2, the paper has

    Z = LayerNorm(V + BN(mu(alpha g(V)))),    alpha = theta(V) phi(A)^T / N    (N x N, without a softmax)

Without a softmax the product may be bracketed the other way, and the N x N matrix is never made:

    alpha g(V) = theta(V) S,    S = phi(A)^T g(V) / N    (I x I)

The audio is the same at all h w positions of a frame and g is linear, so the sum over positions moves inside
g, and no audio map is made either:

    S = 1/T sum_t phi(A_t)^T g(mean over positions of V_t)

Without audio, phi(V) takes the place of phi(A), as published.
"""

from __future__ import annotations

from torch import Tensor, nn

# What every position attends to: the clip's sound, as published; a constant in its place (the same network
# without sound); all positions of the clip's frames; those of its own frame.
ATTENTIONS = ("sound", "constant", "clip", "frame")


def attended_audio(attention: str, audio: Tensor | None, maps: Tensor, audio_dim: int) -> Tensor | None:
    """What TPAVI is given as audio for maps (B, T, C, h, w): (B, T, audio_dim); None for visual attention."""
    if attention == "sound":
        return audio
    return maps.new_zeros(*maps.shape[:2], audio_dim) if attention == "constant" else None


class TPAVI(nn.Module):
    """One TPAVI block; its inner width I is C / 2.

    Args:
        channels: C, of the maps.
        audio_dim: size of an audio feature.
        bn_gamma: first value of the batch norm's scale. At 0, as published, a new block is LayerNorm(V), and
            a pretrained encoder is not disturbed. With 0 a randomly initialised encoder learns to ignore the
            audio; 1 makes the audio contribute from the first step.
        attention: one of `ATTENTIONS`. Only "frame" makes a difference inside the block: there every frame is
            a clip of its own. The others differ in the audio (see `attended_audio`).
    """

    def __init__(
        self, channels: int, audio_dim: int = 128, bn_gamma: float = 0.0, attention: str = "sound"
    ) -> None:
        if attention not in ATTENTIONS:
            raise ValueError(f"attention: {attention!r} is none of {', '.join(ATTENTIONS)}")
        super().__init__()
        self.attention = attention
        inner = channels // 2
        self.align = nn.Linear(audio_dim, channels)
        self.theta = nn.Linear(channels, inner)
        self.phi = nn.Linear(channels, inner)
        self.g = nn.Linear(channels, inner)
        self.mu = nn.Linear(inner, channels)
        self.bn = nn.BatchNorm2d(channels)
        self.norm = nn.LayerNorm(channels)
        nn.init.constant_(self.bn.weight, bn_gamma)
        nn.init.zeros_(self.bn.bias)

    def forward(self, maps: Tensor, audio: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Let every position attend to the sound, or to all positions.

        Args:
            maps: (B, T, C, h, w), V.
            audio: (B, T, audio_dim), or None for visual-visual attention.

        Returns:
            Z (B, T, C, h, w), and the aligned audio A (B, T, C) or None.
        """
        if self.attention == "frame":
            maps, shape = maps.flatten(0, 1).unsqueeze(1), maps.shape
            return self._attend(maps, None)[0].view(shape), None
        return self._attend(maps, audio)

    def _attend(self, maps: Tensor, audio: Tensor | None) -> tuple[Tensor, Tensor | None]:
        v = maps.permute(0, 1, 3, 4, 2)  # (B, T, h, w, C): every layer below works on the last axis
        positions = v.flatten(1, 3)  # (B, N, C)
        if audio is None:
            aligned = None
            keys, values = self.phi(positions), self.g(positions)  # (B, N, I)
        else:
            aligned = self.align(audio)  # (B, T, C)
            keys, values = self.phi(aligned), self.g(v.mean((2, 3)))  # (B, T, I)
        s = keys.mT @ values / keys.shape[1]
        attended = self.mu(self.theta(positions) @ s).view(-1, *v.shape[2:])  # (B T, h, w, C)
        normalised = self.bn(attended.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        z = self.norm(v + normalised.view(v.shape))
        return z.permute(0, 1, 4, 2, 3), aligned
