"""Small trees in AVSBench's layout, with real videos and sounds, for the tests of readers and data stages."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import soundfile

BARS = 8  # a frame's number stands in it as black and white bars, most significant first
WIDTH, HEIGHT = 96, 64


def bars(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A (height, width, 3) uint8 picture that tells its frame's number."""
    bits = np.array([number >> (BARS - 1 - bit) & 1 for bit in range(BARS)], np.uint8)
    return np.broadcast_to(np.repeat(bits * 255, width // BARS)[None, :, None], (height, width, 3)).copy()


def number_of(image: np.ndarray) -> int:
    """The number that `bars` drew, from a picture of any size."""
    step = image.shape[1] / BARS
    columns = (np.arange(BARS) * step + step / 2).astype(int)
    bits = image[image.shape[0] // 2, columns].mean(axis=1) > 127
    return int("".join("1" if bit else "0" for bit in bits), 2)


def tone(seconds: float, rate: int = 44_100, hertz: float = 440.0, amplitude: float = 0.5) -> np.ndarray:
    """A sine, (samples,) float32."""
    return (amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(
        np.float32
    )


def write_video(
    path: Path,
    *,
    frames: int = 125,
    fps: Fraction | int = 25,
    sound: np.ndarray | None = None,
    width: int = WIDTH,
    height: int = HEIGHT,
    options: dict[str, str] | None = None,
    pts: list[int] | None = None,
    silent: bool = False,
    codec: str = "libx264",
) -> None:
    """An H.264 video of `bars` with AAC stereo at 44.1 kHz: `sound` (samples,) or (samples, 2), or a tone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=fps, options={"preset": "ultrafast", **(options or {})})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = None if silent else container.add_stream("aac", rate=44_100, layout="stereo")
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(bars(number, width, height), format="rgb24")
            frame.pts, frame.time_base = (pts[number] if pts else number), Fraction(1) / Fraction(fps)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            wave = tone(frames / float(fps)) if sound is None else sound
            stereo = np.stack([wave, wave]) if wave.ndim == 1 else wave.T
            block = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(stereo, np.float32), format="fltp", layout="stereo"
            )
            block.sample_rate, block.pts = 44_100, 0
            fifo = av.AudioFifo()
            fifo.write(block)
            for piece in fifo.read_many(1024, partial=True):
                container.mux(audio.encode(piece))
            container.mux(audio.encode(None))


def write_sound(path: Path, wave: np.ndarray, rate: int = 16_000) -> None:
    """A 16-bit wav file of (samples,) or (samples, channels)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, rate, subtype="PCM_16")


def write_image(path: Path, image: np.ndarray) -> None:
    """A PNG of a grey or BGR array."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def square(size: int = 224, value: int = 255, side: int | None = None) -> np.ndarray:
    """A mask with a square in its upper left corner."""
    mask = np.zeros((size, size), np.uint8)
    mask[: side or size // 2, : side or size // 2] = value
    return mask


Row = tuple[str, int, str, str]  # name, start, category, split


def write_s4_table(root: Path, rows: list[Row], header: str | None = "name,start,category,split") -> None:
    """The S4 metadata table alone."""
    path = root / "Single-source" / "s4_meta_data.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ([header] if header else []) + [",".join(map(str, row)) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def s4_data(root: Path, kind: str, row: Row) -> Path:
    """`{kind}/{split}/{category}` under the S4 data of a root."""
    return root / "Single-source" / "s4_data" / kind / row[3] / row[2]


def add_s4_masks(root: Path, row: Row, mask: np.ndarray | None = None) -> None:
    """Masks as S4 has them: frame 1 of a train clip, all five of another."""
    for k in range(1, 2 if row[3] == "train" else 6):
        write_image(
            s4_data(root, "gt_masks", row) / row[0] / f"{row[0]}_{k}.png", square() if mask is None else mask
        )


def add_s4_frames(root: Path, row: Row, count: int = 5, seconds: float = 5.0) -> None:
    """Distributed frames, numbered by `bars`, and the wav."""
    for k in range(1, count + 1):
        write_image(s4_data(root, "visual_frames", row) / row[0] / f"{row[0]}_{k}.png", bars(k, 224, 224))
    write_sound(s4_data(root, "audio_wav", row) / f"{row[0]}.wav", tone(seconds, 16_000))


def add_s4_video(root: Path, row: Row, **options: object) -> None:
    """The raw video."""
    write_video(s4_data(root, "raw_videos", row) / f"{row[0]}.mp4", **options)  # type: ignore[arg-type]
