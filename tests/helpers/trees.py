"""Small trees in AVSBench's layout, with real videos and sounds, for the tests of readers and data stages."""

from __future__ import annotations

import csv
import pickle
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from xml.sax.saxutils import escape

import av
import cv2
import numpy as np
import soundfile
from PIL import Image

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
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([*([header.split(",")] if header else []), *rows])


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


# Whole trees for `dvc repro`, with every trap of the distributed data.

SHAPES: list[tuple[int, int, Fraction | int]] = [  # width, height, frames a second
    (96, 64, 25),
    (128, 72, Fraction(30_000, 1001)),
    (64, 96, 24),
    (160, 90, 30),
    (80, 80, 15),
]
MASK_KINDS = ("0/1", "0/255", "1 bit", "palette", "RGB", "RGBA")
# category -> Hz of its sound
TONES = {"dog_barking": 300.0, "cat_meowing": 900.0, "horse_clip-clop": 2500.0}
ANIMALS = {  # none of AVSBench's: with blanks, markup, other scripts and AVSBench's own separators
    "ant & bee": 200.0,
    "bear": 300.0,
    "carrion crow": 400.0,
    "dolphin": 500.0,
    "éléphant": 700.0,
    "fox, red": 900.0,
    "goose": 1200.0,
    "hen+chicks": 1600.0,
    "ibis": 2000.0,
    "jackal's": 2500.0,
    "koala <young>": 3200.0,
    "狼": 4000.0,
}


def write_mask(path: Path, mask: np.ndarray, kind: str) -> None:
    """A mask of 0 and 1 as PNG in one of the ways of `MASK_KINDS`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    white = Image.fromarray(mask * 255)
    if kind == "0/1":
        image = Image.fromarray(mask)
    elif kind == "1 bit":
        image = white.convert("1")
    elif kind == "palette":
        image = Image.fromarray(mask).convert("P")
        image.putpalette([0, 0, 0, 128, 0, 0])
    else:
        image = white if kind == "0/255" else white.convert(kind)
    image.save(path)


class Bomb:
    """Unpickled, it leaves a file that tells of it."""

    def __init__(self, fuse: Path) -> None:
        self.fuse = fuse

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.fuse,))


def real_s4_rows(categories: Sequence[str] = tuple(TONES)) -> list[Row]:
    """30 clips: 16 train, 6 val, 8 test; every third name begins with `-`; three start at second 6."""
    rows: list[Row] = []
    for number in range(30):
        split = "train" if number < 16 else "val" if number < 22 else "test"
        start = 6 if number in (7, 11, 25) else 0
        dash = "-" if number % 3 == 0 else ""
        rows.append(
            (
                f"{dash}Ab_{number:02d}_{start}000_{start + 5}000",
                start,
                categories[number % len(categories)],
                split,
            )
        )
    return rows


def write_real_s4(root: Path, labels: Path, tones: Mapping[str, float] = TONES) -> list[Row]:
    """An S4 tree of clips with the categories in `tones`, and its VOC labels.

    Clip n is of `SHAPES[n % 5]`, its mask of `MASK_KINDS[n % 6]`. Clips with n % 5 == 1 have only frames and
    sound, those with n % 5 == 2 have both these and a video. A clip that starts at second 6 lasts 4 s and has
    4 frames. The object is the upper left quarter. Every clip has a pickled log-mel that leaves
    `root`/exploded if it is ever opened.
    """
    rows = real_s4_rows(tuple(tones))
    write_s4_table(root, rows, header=None)
    for number, row in enumerate(rows):
        name, start, category, split = row
        seconds = 4 if start == 6 else 5
        width, height, fps = SHAPES[number % len(SHAPES)]
        if number % 5 in (1, 2):
            for k in range(1, seconds + 1):
                write_image(s4_data(root, "visual_frames", row) / name / f"{name}_{k}.png", bars(k, 224, 224))
            sound = tone(seconds, 16_000, tones[category])
            write_sound(s4_data(root, "audio_wav", row) / f"{name}.wav", sound)
        if number % 5 != 1:
            add_s4_video(
                root,
                row,
                frames=round(seconds * fps),
                fps=fps,
                width=width,
                height=height,
                sound=tone(seconds, hertz=tones[category]),
            )
        for k in range(1, 2 if split == "train" else 6):
            mask = s4_data(root, "gt_masks", row) / name / f"{name}_{k}.png"
            write_mask(mask, square(value=1), MASK_KINDS[number % len(MASK_KINDS)])
        logmel = s4_data(root, "audio_log_mel", row) / f"{name}.pkl"
        logmel.parent.mkdir(parents=True, exist_ok=True)
        logmel.write_bytes(pickle.dumps(Bomb(root / "exploded")))
        if split == "train":
            size = (224, 224) if number % 5 == 1 else (width, height)
            for k in range(1, 6):
                path = labels / category / name / f"{name}_{k}.xml"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(voc(category, *size, odd=number * 5 + k), encoding="utf-8")
    first = labels / rows[0][2] / rows[0][0]
    (first / f"{rows[0][0]}_2.xml").write_text("<annotation><object>", encoding="utf-8")  # cut short
    (first / f"{rows[0][0]}_3.xml").unlink()
    return rows


def voc(category: str, width: int, height: int, odd: int) -> str:
    """A VOC file with a box round the upper left quarter, in one of five spellings seen in the wild."""
    declaration, path, truncated = "", "<path>C:\\Users\\me\\frames\\7.jpg</path>", "<truncated>1</truncated>"
    filename, corner = "someone-else.jpg", "1"
    if odd % 5 == 1:
        declaration = '<?xml version="1.0" encoding="utf-8"?>\n'
    elif odd % 5 == 2:
        path, truncated = "", ""
    elif odd % 5 == 3:
        filename, corner = "ünïcode", "1.4"
    elif odd % 5 == 4:
        corner = "-3"
    return (
        f"{declaration}<annotation><folder>x</folder><filename>{filename}</filename>{path}"
        f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
        f"<object><name>{escape(category)}</name>{truncated}<bndbox><xmin>{corner}</xmin><ymin>{corner}</ymin>"
        f"<xmax>{width // 2}</xmax><ymax>{height // 2}</ymax></bndbox></object></annotation>"
    )


def write_real_ms3(root: Path) -> list[tuple[str, str]]:
    """An MS3 tree of 12 clips, 6 / 3 / 3: odd ones have frames and sound, even ones a video."""
    rows = [
        (f"{'-' * (n % 3 == 0)}multi{n}", "train" if n < 6 else "val" if n < 9 else "test") for n in range(12)
    ]
    base = root / "Multi-sources"
    data = base / "ms3_data"
    for number, (name, split) in enumerate(rows):
        if number % 2:
            for k in range(1, 6):
                write_image(data / "visual_frames" / name / f"{name}.mp4_{k}.png", bars(k, 224, 224))
            write_sound(data / "audio_wav" / split / f"{name}.wav", tone(5, 16_000))
        else:
            width, height, fps = SHAPES[number % len(SHAPES)]
            video = data / "raw_videos" / f"{name}.mp4"
            write_video(video, frames=round(5 * fps), fps=fps, width=width, height=height)
        for k in range(1, 6):
            kind = MASK_KINDS[number % len(MASK_KINDS)]
            write_mask(data / "gt_masks" / split / name / f"{name}_{k}.png", square(value=1), kind)
    table = "".join(f"{name},{split}\n" for name, split in rows)
    (base / "ms3_meta_data.csv").write_text(table, encoding="utf-8")
    return rows
