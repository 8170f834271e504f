"""Sounds for annotators follow their sources."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.data.catalog import to_frame
from pipeline.labels.studio.sounds import RATE, write_sounds
from pipeline.utils.errors import PipelineError
from pipeline.utils.parallel import SERIAL
from tests.helpers.label_files import clip
from tests.helpers.small_disk import files_of_at_most
from tests.helpers.trees import tone, write_sound


def _pitch(path: Path) -> float:
    wave, rate = soundfile.read(path)
    assert rate == RATE and wave.shape == (5 * RATE,)
    return float(np.abs(np.fft.rfft(wave)).argmax()) / 5


def test_a_sound_is_written_once_and_again_when_its_source_is_another(tmp_path: Path) -> None:
    source = tmp_path / "abc.wav"
    write_sound(source, tone(5, RATE, hertz=440.0))
    table = to_frame([clip("abc", "dog_barking", "train")._replace(audio=str(source))])
    assert write_sounds(table, tmp_path / "sounds", workers=SERIAL) == 1
    assert write_sounds(table, tmp_path / "sounds", workers=SERIAL) == 0
    assert abs(_pitch(tmp_path / "sounds/abc.flac") - 440) < 1
    write_sound(source, tone(5, RATE, hertz=880.0))
    assert write_sounds(table, tmp_path / "sounds", workers=SERIAL) == 1
    assert abs(_pitch(tmp_path / "sounds/abc.flac") - 880) < 1
    source.unlink()
    assert write_sounds(table, tmp_path / "sounds", workers=SERIAL) == 0  # what is there is enough
    with pytest.raises(PipelineError, match=r"abc\.wav: no such file"):
        write_sounds(table, tmp_path / "others", workers=SERIAL)


def test_a_full_disk_is_reported_as_one_and_leaves_nothing(tmp_path: Path) -> None:
    source = tmp_path / "abc.wav"
    write_sound(source, tone(5, RATE))
    table = to_frame([clip("abc", "dog_barking", "train")._replace(audio=str(source))])
    with files_of_at_most(2_000), pytest.raises(OSError, match="large"):
        write_sounds(table, tmp_path / "sounds", workers=SERIAL)
    assert not list((tmp_path / "sounds").iterdir())
