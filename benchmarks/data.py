"""Frames, audio, crops and pseudo-masks of a few real files: clips a second, against a bare decode."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Setup, apart, failure, milliseconds, row, table

if TYPE_CHECKING:
    from pipeline.data.clip import Clip

NAMES = {
    "bare video": "bare decode of the pictures, up to the fifth",
    "frames": "`frames` stage: five JPEGs, packed frames and masks",
    "bare usual": "bare decode, clips encoded as x264 does by default, with B-frames",
    "usual frames": "`frames` stage of these clips",
    "published frames": "as the published script: every frame decoded and resized, five PNGs",
    "bare sound": "bare decode of the sound",
    "audio": "`audio` stage before the network: resampled, log-mel, packed",
    "vggish": "VGGish on the packed log-mel",
    "bare images": "bare read of the frames' JPEGs",
    "crops": "`crops` stage: cut, resized, packed",
    "pseudo_masks": "`pseudo_masks` stage: GrabCut in the packed frames",
}
BARE = {
    "frames": "bare video",
    "usual frames": "bare usual",
    "published frames": "bare video",
    "audio": "bare sound",
    "crops": "bare images",
}


def report(setup: Setup) -> Iterator[str]:
    """One process, a line for each piece of work; then the frames stage on all cores."""
    clips = 4 if setup.quick else 32
    result = apart("benchmarks.data:measure", clips=clips)
    if "failed" in result:
        yield failure(result, "data", 2) or ""
        return
    yield f"{clips} clips of the demo, 320 x 240 pixels, 5 s, H.264 and AAC; one process, on the CPU."
    yield "The demo encodes quickly, without B-frames, which makes files that are quick to decode as well.\n"
    yield from table("work", "a clip", "clips/s", "CPU a clip", "times bare", "times bare, CPU")
    for key, name in NAMES.items():
        wall, cpu = result[key]
        against = ["", ""]
        if key in BARE:
            against = [f"{wall / result[BARE[key]][0]:.2f}", f"{cpu / result[BARE[key]][1]:.2f}"]
        yield row([name, milliseconds(wall), f"{1 / wall:.1f}", milliseconds(cpu), *against])
    every = 1 / result["all cores"][0]
    yield f"\nThe `frames` stage on all cores: {every:.1f} clips a second, the start of its workers included."


def measure(clips: int) -> dict[str, tuple[float, float]]:
    """(wall, CPU) seconds a clip of each piece of work; the better of two passes over the same files."""
    import av
    import cv2
    import numpy as np
    import pandas as pd
    from joblib.externals.loky import get_reusable_executor

    from pipeline.audio.extractor import AudioFeatureExtractor
    from pipeline.audio.spectrograms import clip_wave, pack_patches
    from pipeline.config.params import Demo
    from pipeline.data.catalog import build_catalog, clips_of
    from pipeline.data.crops import build_crops
    from pipeline.data.frames import build_frames
    from pipeline.data.images import frame_path
    from pipeline.data.pseudo_masks import build_pseudo_masks
    from pipeline.data.video import frame_indices
    from pipeline.demo import write_demo
    from pipeline.utils.parallel import SERIAL, Workers

    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        # without silent objects: their masks are the demo's own, and AVSBench has no such thing
        sizes: dict[str, Any] = {"width": 320, "height": 240, "silent_objects": 0}
        demo = Demo(categories=4, train=clips - 2, val=1, test=1, **sizes)
        write_demo(folder / "demo", demo)
        catalog = build_catalog("demo", folder / "demo")
        shutil.copytree(folder / "demo", folder / "usual")
        for path in (folder / "usual").rglob("*.mp4"):
            _encode_as_usual(path)
        usual = build_catalog("demo", folder / "usual")
        found = clips_of(catalog)
        boxes = pd.DataFrame(
            [
                {"name": clip.name, "frame": k, "xmin": 40, "ymin": 40, "xmax": 200, "ymax": 160}
                | {"width": 320, "height": 240}
                for clip in found
                if clip.split == "train"
                for k in range(1, 6)
            ]
        )

        def decode(kind: str, found: list[Clip] = found) -> None:
            for clip in found:
                with av.open(clip.video) as container:
                    stream = container.streams.get({kind: 0})[0]
                    if kind == "video":
                        stream.thread_count = 1
                        last = frame_indices(float(stream.average_rate), stream.frames)[-1]
                    for number, _ in enumerate(container.decode(stream)):
                        if kind == "video" and number == last:
                            break

        def published() -> None:
            for clip in found:
                with av.open(clip.video) as container:
                    images = [
                        cv2.resize(frame.to_ndarray(format="rgb24"), (224, 224))
                        for frame in container.decode(video=0)
                    ]
                for second in range(5):
                    image = cv2.cvtColor(images[min(second * 25 + 23, len(images) - 1)], cv2.COLOR_RGB2BGR)
                    cv2.imwrite(str(folder / f"{second}.png"), image)

        def frames(catalog: pd.DataFrame = catalog, jobs: int = 1) -> None:
            build_frames(catalog, folder / "frames", image_size=224, workers=Workers(jobs))

        def read_images() -> None:
            for clip in found:
                for k in range(1, 6) if clip.split == "train" else ():
                    cv2.imread(str(folder / "frames" / "images" / frame_path(clip, k)))

        def crops() -> None:
            images = folder / "frames" / "images"
            build_crops(catalog, boxes, images, folder / "crops", size=64, padding=0.1, workers=SERIAL)

        extractor = AudioFeatureExtractor.load("seeded", 0)
        patches = folder / "logmel.npy"
        works: dict[str, Callable[[], Any]] = {
            "bare video": lambda: decode("video"),
            "bare usual": lambda: decode("video", clips_of(usual)),
            "usual frames": lambda: frames(usual),
            "frames": frames,
            "published frames": published,
            "bare sound": lambda: decode("audio"),
            "audio": lambda: pack_patches(clip_wave, found, patches, workers=SERIAL),
            "vggish": lambda: extractor.extract(np.load(patches, mmap_mode="r")),
            "bare images": read_images,
            "crops": crops,
            "pseudo_masks": lambda: build_pseudo_masks(
                catalog, boxes, folder / "frames", folder / "out", workers=SERIAL
            ),
            "all cores": lambda: frames(jobs=-1),
        }
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
        for _ in range(2):  # in turns, so that a busy moment of the machine does not meet one of them alone
            for name, work in works.items():
                # to remove what a pass before it wrote is not its work
                if name in ("frames", "usual frames", "all cores"):
                    shutil.rmtree(folder / "frames", ignore_errors=True)
                if name == "all cores":  # workers that are left from the pass before would spare it the start
                    get_reusable_executor().shutdown(wait=True)
                start, busy = time.perf_counter(), time.process_time()
                work()
                spent = time.perf_counter() - start, time.process_time() - busy
                # only the train clips have boxes
                many = clips - 2 if name in ("bare images", "crops", "pseudo_masks") else clips
                times[name].append((spent[0] / many, spent[1] / many))
    return {
        name: (min(wall for wall, _ in pairs), min(cpu for _, cpu in pairs)) for name, pairs in times.items()
    }


def _encode_as_usual(path: Path) -> None:
    """Encode a clip's pictures again with x264's defaults, as videos of the web are; its sound is copied."""
    import av

    again = path.with_suffix(".again.mp4")
    with av.open(str(path)) as old, av.open(str(again), "w") as new:
        pictures, sound = old.streams.video[0], old.streams.audio[0]
        video = new.add_stream("libx264", rate=pictures.average_rate)
        video.width, video.height, video.pix_fmt = pictures.width, pictures.height, "yuv420p"
        audio = new.add_stream_from_template(sound)
        for packet in old.demux(pictures, sound):
            if packet.stream is sound and packet.dts is not None:
                packet.stream = audio
                new.mux(packet)
            elif packet.stream is pictures:
                for frame in packet.decode():
                    frame.pict_type = 0  # x264 chooses, and not the old file
                    new.mux(video.encode(frame))
        new.mux(video.encode(None))
    again.replace(path)
