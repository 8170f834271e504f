"""One clip of the demo world: the video file with its sound, the masks, the boxes."""

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
    """What a clip holds. `key` seeds all that is random in it; nothing else of the world does."""

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
        return RATES[int(self.stream(DemoStream.FRAME_RATE).integers(len(RATES)))]

    @property
    def frames(self) -> int:
        """Frames in the video: 5 s of them."""
        return round(SECONDS * self.fps)


@dataclass(frozen=True)
class DemoFiles:
    """Where a clip's files go; a None is not written."""

    video: Path
    masks: Path
    labels: Path | None  # VOC XML of all frames
    silent_masks: Path | None = None
    silent_sound: Path | None = None
    first_mask_only: bool = False


def scene_of(clip: DemoClip) -> Scene:
    """The clip's scene; its actors are the sounding objects first, then the silent ones."""
    return compose((*clip.sounding, *clip.silent), clip.width, clip.height, clip.stream(DemoStream.SCENE))


def true_masks(clip: DemoClip, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """What is seen in a frame of the sounding (n, h, w) and of the silent objects (m, h, w), both bool."""
    seen = scene_of(clip).silhouettes(frame / float(clip.fps))
    return seen[: len(clip.sounding)], seen[len(clip.sounding) :]


def write_clip(clip: DemoClip, places: DemoFiles) -> None:
    """Render, encode and annotate one clip."""
    scene, fps = scene_of(clip), clip.fps
    places.video.parent.mkdir(parents=True, exist_ok=True)
    _encode(places.video, scene, fps, clip.frames, _stereo(clip))
    pencil = clip.stream(DemoStream.BOXES)
    for number, frame in enumerate(frame_indices(float(fps), clip.frames), start=1):
        seen = scene.silhouettes(frame / float(fps))
        sounding, silent = seen[: len(clip.sounding)], seen[len(clip.sounding) :]
        file = f"{clip.name}_{number}"
        if number == 1 or not places.first_mask_only:
            _write_mask(places.masks / f"{file}.png", np.logical_or.reduce(sounding))
        if places.silent_masks is not None:
            _write_mask(places.silent_masks / f"{file}.png", np.logical_or.reduce(silent))
        if places.labels is not None:
            boxes = tuple(
                Box(category, *drawn_box(mask, pencil))
                for category, mask in zip(clip.sounding, sounding, strict=True)
            )
            write_voc(
                places.labels / f"{file}.xml", Annotation(clip.width, clip.height, boxes, f"{file}.jpg")
            )
    if places.silent_sound is not None:
        places.silent_sound.parent.mkdir(parents=True, exist_ok=True)
        encoded = io.BytesIO()
        silent_wave = recorded(clip.silent, clip.stream(DemoStream.SILENT_SOUND))
        soundfile.write(encoded, silent_wave, RATE, format="WAV", subtype="PCM_16")
        places.silent_sound.write_bytes(encoded.getvalue())  # a full disk is an OSError here


def recorded(categories: tuple[str, ...], rng: np.random.Generator) -> np.ndarray:
    """5 s of the categories sounding at once, at some loudness over some hiss: (220,500,) float32."""
    waves = [sound(category, rng, SECONDS) for category in categories]
    mix = sum(wave / wave.std() * rng.uniform(0.8, 1.25) for wave in waves)
    mix = mix / mix.std() * rng.uniform(0.05, 0.14)
    mix = mix + rng.uniform(0.0003, 0.002) * rng.standard_normal(len(mix))
    return (mix * min(1.0, 0.95 / np.abs(mix).max())).astype(np.float32)


def _stereo(clip: DemoClip) -> np.ndarray:
    """The clip's sound track (2, samples) float32: the sounding objects, a little to one side."""
    rng = clip.stream(DemoStream.SOUND)
    mono, side = recorded(clip.sounding, rng), rng.uniform(-0.25, 0.25)
    return np.stack([mono * (1 - side), mono * (1 + side)]) / (1 + abs(side))


def _encode(path: Path, scene: Scene, fps: Fraction, frames: int, track: np.ndarray) -> None:
    """Write an MP4: H.264 on one thread (the same bytes every time), AAC stereo at 44.1 kHz."""
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
    """A mask (h, w) bool as a grey PNG of 0 and 255."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", mask.astype(np.uint8) * 255)[1].tobytes())
