from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data import video
from pipeline.data.video import frame_indices, read_frames
from pipeline.utils.errors import PipelineError
from tests.helpers.trees import number_of, tone, write_video

NTSC = Fraction(30_000, 1001)


@pytest.mark.parametrize(
    ("fps", "frames", "expected"),
    [
        (24, 120, [22, 46, 70, 94, 118]),
        (25, 125, [23, 48, 73, 98, 123]),
        (29.97, 150, [28, 58, 88, 118, 148]),
        (30, 150, [28, 58, 88, 118, 148]),
        (25, 100, [23, 48, 73, 98, 99]),  # a 4-second clip
        (25, 1, [0, 0, 0, 0, 0]),
        (12.5, 62, [11, 23, 35, 47, 59]),  # 12 a second: a half goes to the even number
    ],
)
def test_frame_indices_known(fps: float, frames: int, expected: list[int]) -> None:
    assert frame_indices(fps, frames) == expected


@given(st.floats(0.6, 240), st.integers(1, 2000))
def test_frame_indices_are_in_the_clip_and_follow_the_rule(fps: float, frames: int) -> None:
    rate = max(1, round(fps))
    rule = [min(int(second * rate + 15 / 16 * rate), frames - 1) for second in range(5)]
    assert frame_indices(fps, frames) == rule


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf")])
def test_frame_indices_refuse_no_rate(fps: float) -> None:
    with pytest.raises(ValueError, match="frame rate"):
        frame_indices(fps, 10)


@pytest.mark.parametrize(
    ("fps", "frames", "options"),
    [
        (25, 125, {}),
        (24, 120, {"preset": "medium", "bf": "3"}),  # frames are stored in another order than shown
        (NTSC, 150, {"g": "12"}),
        (30, 150, {"preset": "medium", "bf": "2", "g": "40"}),
    ],
)
def test_read_frames_gives_the_published_frames(
    tmp_path: Path, fps: Fraction | int, frames: int, options: dict[str, str]
) -> None:
    path = tmp_path / "-a b.mp4"
    write_video(path, fps=fps, frames=frames, options=options, silent=True)
    images, note = read_frames(path)
    assert images.shape == (5, 64, 96, 3)
    assert images.dtype == np.uint8
    assert [number_of(image) for image in images] == frame_indices(float(fps), frames)
    assert note == ""


@pytest.mark.parametrize(
    "options", [{"preset": "medium"}, {"preset": "slow", "b-pyramid": "none"}, {"bf": "0"}]
)
def test_skipping_frames_changes_no_pixel(
    tmp_path: Path, options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_video(tmp_path / "a.mp4", frames=110, fps=24, options=options)
    skipping = read_frames(tmp_path / "a.mp4")
    counting: list[list[int]] = []
    count = video._decode_all
    monkeypatch.setattr(video, "_decode_referenced", lambda *_: None)
    monkeypatch.setattr(
        video, "_decode_all", lambda path, wanted: counting.append(wanted) or count(path, wanted)
    )
    plain = read_frames(tmp_path / "a.mp4")
    assert counting
    np.testing.assert_array_equal(skipping.images, plain.images)
    assert skipping.note == plain.note


TURN = 1 << 16
MATRICES = {  # a, b, c, d: a stored point (x, y) is shown at (ax + cy, bx + dy)
    "as stored": (TURN, 0, 0, TURN),
    "clockwise": (0, TURN, -TURN, 0),
    "upside down": (-TURN, 0, 0, -TURN),
    "counterclockwise": (0, -TURN, TURN, 0),
    "mirrored": (-TURN, 0, 0, TURN),
    "top to bottom": (TURN, 0, 0, -TURN),
    "exchanged": (0, TURN, TURN, 0),
    "exchanged upside down": (0, -TURN, -TURN, 0),
}


@pytest.mark.parametrize("name", MATRICES)
def test_pictures_are_turned_and_mirrored_as_players_show_them(tmp_path: Path, name: str) -> None:
    path = tmp_path / "phone.mp4"
    corner = np.zeros((64, 96, 3), np.uint8)
    corner[:16, :48] = 255  # no turn and no flip looks like another
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for _ in range(125):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(corner, format="rgb24")))
        container.mux(stream.encode(None))
    stored = read_frames(path).images[0]
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 40  # of the first track, the pictures': ISO/IEC 14496-12, 8.3.2
    a, b, c, d = MATRICES[name]
    content[matrix : matrix + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    shown = read_frames(path).images[0]
    height, width = (64, 96) if a else (96, 64)
    assert shown.shape == (height, width, 3)
    rows, columns = np.mgrid[:64, :96]
    x, y = (np.sign(a) * columns + np.sign(c) * rows), (np.sign(b) * columns + np.sign(d) * rows)
    expected = np.zeros_like(shown)
    x, y = x - x.min(), y - y.min()
    expected[y, x] = stored
    np.testing.assert_array_equal(shown, expected)
    if name in ("clockwise", "upside down", "counterclockwise"):  # OpenCV heeds turns, but no flips
        _, theirs = cv2.VideoCapture(str(path)).read()
        assert np.abs(theirs[..., ::-1].astype(int) - shown).mean() < 3


def test_other_codecs_are_counted(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", codec="mpeg4", silent=True)
    assert [number_of(image) for image in read_frames(tmp_path / "a.mp4").images] == [23, 48, 73, 98, 123]


def test_of_a_long_video_only_the_beginning_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(tmp_path / "a.mp4", frames=256, silent=True)
    monkeypatch.setattr(video, "_decode_all", None)
    monkeypatch.setattr(video, "REORDERED", 16)
    assert [number_of(image) for image in read_frames(tmp_path / "a.mp4").images] == [23, 48, 73, 98, 123]


SPARSE = [*range(0, 75, 3), *range(75, 150)]


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])  # by packets; decoding all
@pytest.mark.parametrize(
    ("fps", "times", "published"),
    [
        (30, [number for number in range(150) if number % 8 != 3], [21, 44, 66, 89, 112]),
        (30, SPARSE, [6, 12, 19, 28, 48]),
        (25, [number + 5 for number in range(120)], [18, 43, 68, 93, 118]),  # the sound starts before them
        (Fraction(25, 2), list(range(62)), [11, 23, 35, 47, 59]),
    ],
)
def test_uneven_times_give_the_published_frames(
    tmp_path: Path, codec: str, fps: int | Fraction, times: list[int], published: list[int]
) -> None:
    """Known answers: the script's rule on what imageio reads of these files (imageio-ffmpeg, FFmpeg 9)."""
    path = tmp_path / "a.mp4"
    write_video(path, fps=fps, frames=len(times), pts=times, sound=tone(5), codec=codec)
    assert [number_of(image) for image in read_frames(path).images] == published


B_FRAMES = {"preset": "medium", "bf": "2"}
DROPPED = [number for number in range(150) if number % 8 != 3]


@pytest.mark.parametrize(
    ("codec", "options", "silent", "fps", "times", "published"),
    [
        ("libx264", {"bf": "0"}, False, 25, list(range(125)), [23, 48, 73, 98, 123]),
        ("libx264", {"bf": "0"}, True, 30, DROPPED, [24, 51, 77, 103, 129]),
        ("libx264", {"bf": "0"}, False, 30, SPARSE, [9, 19, 38, 68, 98]),
        ("libx264", B_FRAMES, True, 25, list(range(125)), [23, 48, 73, 98, 123]),
        ("libx264", B_FRAMES, False, 25, list(range(125)), [21, 46, 71, 96, 121]),
        ("libx264", B_FRAMES, True, 30, SPARSE, [9, 19, 38, 68, 98]),
        ("libx264", B_FRAMES, False, 30, SPARSE, [7, 17, 32, 62, 92]),
        ("mpeg4", {}, False, 30, DROPPED, [24, 51, 77, 103, 129]),
        ("mpeg4", {"bf": "2"}, True, 25, list(range(125)), [23, 48, 73, 98, 123]),
        ("mpeg4", {"bf": "2"}, False, 30, DROPPED, [24, 50, 76, 102, 129]),
    ],
)
def test_avi_without_times_gives_the_published_frames(
    tmp_path: Path,
    codec: str,
    options: dict[str, str],
    silent: bool,
    fps: int,
    times: list[int],
    published: list[int],
) -> None:
    """Known answers, as for uneven times (imageio-ffmpeg, FFmpeg 9.0.2)."""
    path = tmp_path / "a.avi"
    write_video(
        path,
        fps=fps,
        frames=len(times),
        pts=times,
        sound=tone(5),
        silent=silent,
        codec=codec,
        options=options,
    )
    assert [number_of(image) for image in read_frames(path).images] == published


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_a_rate_that_is_too_high_in_the_header_cuts_nothing(tmp_path: Path, codec: str) -> None:
    """100 a second by the header, 25 by the frames stored; FFmpeg sees that for H.264 only."""
    path, options = tmp_path / "a.avi", {"bf": "0"}
    times = list(range(0, 500, 4))
    write_video(path, fps=100, frames=125, pts=times, silent=True, codec=codec, options=options)
    assert [number_of(image) for image in read_frames(path).images] == [23, 48, 73, 98, 123]
    write_video(path, fps=100, frames=100, pts=times[:100], silent=True, codec=codec, options=options)
    images, note = read_frames(path)
    assert [number_of(image) for image in images] == [23, 48, 73, 98, 99]
    assert "give 4 of 5" in note


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_a_truncated_avi_is_named(tmp_path: Path, codec: str) -> None:
    write_video(tmp_path / "a.avi", silent=True, codec=codec)
    _cut(tmp_path / "a.avi", 0.6)
    with pytest.raises(PipelineError, match=r"a\.avi: (ends after|is damaged)"):
        read_frames(tmp_path / "a.avi")


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_a_clock_that_starts_late_is_no_gap(tmp_path: Path, codec: str) -> None:
    """Nothing comes before the pictures, which stand at second 2: as imageio reads it, they are the start."""
    path = tmp_path / "a.mkv"
    write_video(path, pts=[number + 50 for number in range(125)], silent=True, codec=codec)
    assert [number_of(image) for image in read_frames(path).images] == [23, 48, 73, 98, 123]


@given(st.lists(st.integers(1, 12), min_size=1, max_size=60), st.integers(0, 20))
def test_a_constant_rate_shows_what_is_due(steps: list[int], first: int) -> None:
    """Where each frame lasts until the next, each place shows the last frame that is due there, and the first
    one fills the beginning.
    """
    times = np.cumsum([first, *steps]).tolist()
    shown: list[int] = []
    for number, (time, span) in enumerate(zip(times, [*steps, 1], strict=True)):
        copies, before = video._copies(time - len(shown), span)
        shown += [max(number - 1, 0)] * before + [number] * (copies - before)
    due = np.searchsorted(times, range(times[-1] + 1), side="right") - 1
    assert shown == np.maximum(due, 0).tolist()


def test_a_time_far_off_takes_no_time(tmp_path: Path) -> None:
    """The last frame, by a broken time stamp, is shown in 90 years: the one before fills them, unwritten."""
    times = [*range(124), 25 * 86_400 * 365 * 90]
    write_video(tmp_path / "a.mkv", frames=125, pts=times, sound=tone(5))
    assert [number_of(image) for image in read_frames(tmp_path / "a.mkv").images][:4] == [23, 48, 73, 98]


@pytest.mark.parametrize(("ahead", "copies"), [(-2.2, 0), (-2.0, 1), (-0.4, 1), (0.05, 1)])
def test_a_late_frame_is_dropped(ahead: float, copies: int) -> None:
    assert video._copies(ahead, 1) == (copies, 0)


def test_four_second_clip_repeats_its_last_frame_and_says_so(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", frames=100)
    images, note = read_frames(tmp_path / "a.mp4")
    assert [number_of(image) for image in images] == [23, 48, 73, 98, 99]
    assert "4 of 5" in note


def test_slightly_short_clip_needs_no_note(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", frames=122, silent=True)
    images, note = read_frames(tmp_path / "a.mp4")
    assert number_of(images[4]) == 121
    assert note == ""


def _cut(path: Path, share: float) -> None:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


def test_truncated_video_with_its_index_in_front_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    write_video(path, silent=True)
    moved = tmp_path / "front.mp4"
    with av.open(str(path)) as source, av.open(str(moved), "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    assert len(read_frames(moved).images) == 5
    _cut(moved, 0.6)
    with pytest.raises(PipelineError, match=r"front\.mp4: (ends after|is damaged)"):
        read_frames(moved)


def test_a_part_copied_out_of_a_longer_video_is_whole(tmp_path: Path) -> None:
    """As `ffmpeg -ss 3 -t 4 -c copy`: packets from the last key frame on, those before the part not shown."""
    write_video(tmp_path / "long.mp4", frames=200, options={"g": "250"}, silent=True)
    with av.open(str(tmp_path / "long.mp4")) as source, av.open(str(tmp_path / "part.mp4"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux():
            if packet.dts is not None and packet.pts * packet.time_base < 7:
                start = round(3 / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts - start, packet.dts - start, stream
                target.mux(packet)
    found = read_frames(tmp_path / "part.mp4")
    assert [number_of(image) - 75 for image in found.images] == [23, 48, 73, 98, 99]
    assert "100 frames at 25 a second give 4 of 5" in found.note


def test_pictures_of_several_sizes_are_named(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mkv", width=96, height=64, silent=True)
    large = np.zeros((128, 192, 3), np.uint8)
    decode = video._decode_all

    def grown(path: Path, wanted: list[int]) -> video.Decoded:
        images, seen = decode(path, wanted)
        return {**images, wanted[-1]: large}, seen

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(video, "_decode_referenced", lambda *_: None)
        patch.setattr(video, "_decode_all", grown)
        with pytest.raises(PipelineError, match=r"a\.mkv: its frames change size"):
            read_frames(tmp_path / "a.mkv")
