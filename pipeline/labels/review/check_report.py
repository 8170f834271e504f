"""Label-quality report: one self-contained HTML page."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import jinja2
import numpy as np

from pipeline.data.clip import Clip
from pipeline.data.images import frame_path, read_image
from pipeline.labels.review.quality import Case, Quality
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import write_text

PICTURES = 24  # thumbnails of the worst cases
A_KIND = 6  # of one kind, so that one common mistake does not hide the others
LISTED = 2_000  # rows of the list of cases
WIDTH = 240  # pixels of a thumbnail
COLOUR = (38, 38, 230)  # BGR


def write_report(
    path: Path, quality: Quality, folder: Path, clips: Mapping[str, Clip], images: Path, server: str = ""
) -> None:
    """Write the page. Names from labels and files are text in it, whatever markup they hold.

    Args:
        path: of the page.
        quality: what it shows.
        folder: the label folder.
        clips: by name.
        images: the folder of frames, for the thumbnails; missing frames have none.
        server: address of the Label Studio whose tasks are linked; "" for no links.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    page = environment.get_template("check.html").render(
        quality=quality,
        folder=str(folder),
        pictures=_pictures(quality, clips, images, server),
        listed=LISTED,
    )
    write_text(path, page)


def _pictures(
    quality: Quality, clips: Mapping[str, Clip], images: Path, server: str
) -> list[tuple[Case, str, str]]:
    """(case, data URL, link), at most `PICTURES`, at most `A_KIND` of one kind."""
    found: list[tuple[Case, str, str]] = []
    count: dict[str, int] = {}
    for case in quality.cases:
        if len(found) == PICTURES:
            break
        if case.frame is None or count.get(case.kind, 0) == A_KIND:
            continue
        file = images / frame_path(clips[case.frame.name], case.frame.number)
        picture = thumbnail(file, case.boxes)
        if picture is not None:
            count[case.kind] = count.get(case.kind, 0) + 1
            found.append((case, picture, task_link(server, case.task)))
    return found


def task_link(server: str, task: tuple[int, int] | None) -> str:
    """The address of a task; only for a server whose address is a web address."""
    if task is None or not server.startswith(("http://", "https://")):
        return ""
    return f"{server}/projects/{task[0]}/data?task={task[1]}"


def thumbnail(file: Path, boxes: Sequence[tuple[float, float, float, float]]) -> str | None:
    """A small JPEG of a frame with its boxes, as a data URL; None if the frame cannot be read."""
    try:
        image = read_image(file)
    except PipelineError:
        return None
    image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image[..., :3]
    height = max(1, round(image.shape[0] * WIDTH / image.shape[1]))
    small = np.ascontiguousarray(cv2.resize(image, (WIDTH, height), interpolation=cv2.INTER_AREA))
    for box in boxes:
        left, top, right, bottom = (
            round(edge * side) for edge, side in zip(box, (WIDTH, height) * 2, strict=True)
        )
        cv2.rectangle(small, (left, top), (max(right - 1, left), max(bottom - 1, top)), COLOUR, 2)
    done, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}" if done else None
