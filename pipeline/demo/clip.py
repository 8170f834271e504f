"""One clip of the demo: its video with sound, its masks and its boxes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import soundfile

from pipeline.data.video import frame_indices
from pipeline.demo.boxes import drawn_box
from pipeline.demo.scene import Scene, compose
from pipeline.demo.sounds import sound
from pipeline.demo.synth import RATE
from pipeline.labels.voc.voc_xml import Annotation, Box, write_voc
from pipeline.utils.random_streams import DemoStream

RATES = (Fraction(25), Fraction(30_000, 1_001), Fraction(30))  # frames a second
SECONDS = 5


@dataclass(frozen=True)
class DemoClip:
    """Content of a clip; `key` alone seeds everything random in it.

    Attributes:
        name: unique over all splits.
        split: train, val or test.
        start: second of a fictitious longer video at which the clip begins.
        sounding: categories of the objects that sound.
        silent: categories of the objects that are seen but not heard.
        width: of the frames, in pixels.
        height: of the frames, in pixels.
        key: seed, split and number of the clip.
    """

    name: str
    split: str
    start: int
    sounding: tuple[str, ...]
    silent: tuple[str, ...]
    width: int
    height: int
    key: tuple[int, ...]

    def stream(self, purpose: DemoStream) -> np.random.Generator:
        """The random generator for one purpose."""
        return np.random.default_rng((*self.key, purpose))

    @property
    def fps(self) -> Fraction:
        """Frames a second, one of `RATES`."""
        return RATES[int(self.stream(DemoStream.FRAME_RATE).integers(len(RATES)))]

    @property
    def frames(self) -> int:
        """Number of frames in the video."""
        return round(SECONDS * self.fps)


@dataclass(frozen=True)
class DemoFiles:
    """Where a clip's files are written; None where they are not.

    Attributes:
        video: the MP4.
        masks: folder of the sounding objects' masks.
        labels: folder of the VOC XML of all frames.
        silent_masks: folder of the silent objects' masks.
        silent_sound: wav of the sound that the silent objects would make.
        first_mask_only: write a mask of the first frame only, as S4's train split has.
    """

    video: Path
    masks: Path
    labels: Path | None
    silent_masks: Path | None = None
    silent_sound: Path | None = None
    first_mask_only: bool = False


def scene_of(clip: DemoClip) -> Scene:
    """A clip's scene; its actors are the sounding objects, then the silent ones."""
    return compose((*clip.sounding, *clip.silent), clip.width, clip.height, clip.stream(DemoStream.SCENE))


def true_masks(clip: DemoClip, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Visible pixels in a frame of the sounding (n, h, w) and of the silent objects (m, h, w), both bool."""
    seen = scene_of(clip).silhouettes(frame / float(clip.fps))
    return seen[: len(clip.sounding)], seen[len(clip.sounding) :]


def write_clip(clip: DemoClip, files: DemoFiles) -> None:
    """Render, encode and annotate one clip."""
    scene, fps = scene_of(clip), clip.fps
    files.video.parent.mkdir(parents=True, exist_ok=True)
    _encode(files.video, scene, fps, clip.frames, _stereo(clip))
    rng = clip.stream(DemoStream.BOXES)
    for number, frame in enumerate(frame_indices(float(fps), clip.frames), start=1):
        seen = scene.silhouettes(frame / float(fps))
        sounding, silent = seen[: len(clip.sounding)], seen[len(clip.sounding) :]
        stem = f"{clip.name}_{number}"
        if number == 1 or not files.first_mask_only:
            _write_mask(files.masks / f"{stem}.png", np.logical_or.reduce(sounding))
        if files.silent_masks is not None:
            _write_mask(files.silent_masks / f"{stem}.png", np.logical_or.reduce(silent))
        if files.labels is not None:
            boxes = tuple(
                Box(category, *drawn_box(mask, rng))
                for category, mask in zip(clip.sounding, sounding, strict=True)
            )
            write_voc(files.labels / f"{stem}.xml", Annotation(clip.width, clip.height, boxes, f"{stem}.jpg"))
    if files.silent_sound is not None:
        files.silent_sound.parent.mkdir(parents=True, exist_ok=True)
        encoded = io.BytesIO()
        silent_wave = recorded(clip.silent, clip.stream(DemoStream.SILENT_SOUND))
        soundfile.write(encoded, silent_wave, RATE, format="WAV", subtype="PCM_16")
        files.silent_sound.write_bytes(encoded.getvalue())  # a full disk is an OSError here


def recorded(categories: tuple[str, ...], rng: np.random.Generator) -> np.ndarray:
    """Mix of the categories' sounds, 5 s at a random loudness over quiet noise: (220,500,) float32."""
    waves = [sound(category, rng, SECONDS) for category in categories]
    mix = sum(wave / wave.std() * rng.uniform(0.8, 1.25) for wave in waves)
    mix = mix / mix.std() * rng.uniform(0.05, 0.14)
    mix = mix + rng.uniform(0.0003, 0.002) * rng.standard_normal(len(mix))
    return (mix * min(1.0, 0.95 / np.abs(mix).max())).astype(np.float32)


def _stereo(clip: DemoClip) -> np.ndarray:
    """A clip's sound track (2, samples) float32: the sounding objects, a little to one side."""
    rng = clip.stream(DemoStream.SOUND)
    mono, side = recorded(clip.sounding, rng), rng.uniform(-0.25, 0.25)
    return np.stack([mono * (1 - side), mono * (1 + side)]) / (1 + abs(side))


def _encode(path: Path, scene: Scene, fps: Fraction, frames: int, track: np.ndarray) -> None:
    """Write an MP4: H.264 on one thread (for the same bytes every time), AAC stereo at 44.1 kHz."""
    with av.open(str(path), "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "20"})
        video.width, video.height, video.pix_fmt = scene.width, scene.height, "yuv420p"
        video.codec_context.thread_count = 1
        audio = container.add_stream(
            "aac",
            rate=RATE,
            layout="stereo",
            options={"b": "128k", "aac_coder": "fast", "aac_ms": "0", "aac_tns": "0"},
        )
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(scene.picture(number / float(fps)), format="rgb24")
            frame.pts, frame.time_base = number, 1 / fps
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        step = audio.codec_context.frame_size or 1024
        for start in range(0, track.shape[1], step):
            piece = np.ascontiguousarray(track[:, start : start + step])
            sample = av.AudioFrame.from_ndarray(piece, format="fltp", layout="stereo")
            sample.sample_rate, sample.pts, sample.time_base = RATE, start, Fraction(1, RATE)
            container.mux(audio.encode(sample))
        container.mux(audio.encode(None))


def _write_mask(path: Path, mask: np.ndarray) -> None:
    """Write a mask (h, w) bool as a grey PNG of 0 and 255."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", mask.astype(np.uint8) * 255)[1].tobytes())
