"""Presets: the published experiments as the keys of params.yaml that they set, one file each in params/."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, YAMLError

from pipeline.config.params import parse_params, read_yaml
from pipeline.config.paths import DEMO, LABELS_VOC, PARAMS, PRESETS
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import write_text

Key = tuple[str, str]  # section, key


def preset_names() -> list[str]:
    """The names of all presets."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def read_preset(name: str) -> dict[Key, Any]:
    """The values that a preset sets.

    Raises:
        PipelineError: no preset has that name.
    """
    path = PRESETS / f"{name}.yaml"
    if name not in preset_names():
        raise PipelineError(f"{path}: no such preset; there are {', '.join(preset_names()) or 'none'}.")
    return _flat(path.read_text(encoding="utf-8"), str(path))


def apply_preset(
    name: str,
    *,
    root: Path | None = None,
    labels: Path | None = None,
    force: bool = False,
) -> list[str]:
    """Write a preset's values into params.yaml; comments, line ends and all other values stay.

    Args:
        name: the preset's.
        root: becomes data.root; needed where that is still the demo's.
        labels: becomes labels.dir; the default is `LABELS_VOC` where that is still the demo's.
        force: also replace values that were set by hand.

    Returns:
        What has changed, as lines `section.key: old -> new`.

    Raises:
        PipelineError: params.yaml would not be valid, `root` is needed, or a value would be lost that is
            neither in the last commit nor in any preset. Nothing is changed then.
    """
    path = PARAMS
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            text = stream.read()
    except FileNotFoundError:
        raise PipelineError(f"{path}: no such file; run from the repository's root.") from None
    line_end = "\r\n" if "\r\n" in text else "\n"
    text = text.replace(line_end, "\n")
    old = _flat(text, str(path))
    changes = _changes(old, read_preset(name), root, labels)
    lost = [] if force else _hand_edits(old, changes, path)
    if lost:
        raise PipelineError(
            f"{path}: {', '.join(lost)} would be lost: set by hand and not committed. "
            "Commit the file first, or say --force."
        )
    new = _edited(text, changes)
    parse_params(read_yaml(new), f"{path} with preset {name}")
    if changes:
        write_text(path, new.replace("\n", line_end))
    return [f"{'.'.join(key)}: {old.get(key)} -> {value}" for key, value in changes.items()]


def _changes(
    old: Mapping[Key, Any], preset: Mapping[Key, Any], root: Path | None, labels: Path | None
) -> dict[Key, Any]:
    """What to set, without what has that value already."""
    if root is None and _is_demo(old.get(("data", "root"))):
        raise PipelineError(
            "data.root: is still the demo's; say --root FOLDER, "
            "the one that holds Single-source/ or Multi-sources/."
        )
    if labels is None and _is_demo(old.get(("labels", "dir"))):
        labels = LABELS_VOC
    wanted = dict(preset)
    if root is not None:
        # outside the repository it becomes absolute, links unresolved: a queued experiment runs elsewhere
        inside = root.resolve().is_relative_to(Path.cwd())
        wanted["data", "root"] = (root if inside else root.absolute()).as_posix()
    if labels is not None:
        wanted["labels", "dir"] = labels.as_posix()
    return {key: value for key, value in wanted.items() if key not in old or old[key] != value}


def _is_demo(path: Any) -> bool:
    return Path(str(path)).is_relative_to(DEMO)


def _hand_edits(old: Mapping[Key, Any], changes: Mapping[Key, Any], path: Path) -> list[str]:
    """The keys to be changed whose present value is nowhere else; paths are set by options."""
    known = [read_preset(name) for name in preset_names()]
    shown = subprocess.run(
        ["git", "show", f"HEAD:./{path.name}"], cwd=path.resolve().parent, capture_output=True, text=True
    )
    if shown.returncode == 0:
        known.append(_flat(shown.stdout, f"the committed {path}"))
    return [
        f"{'.'.join(key)} ({old[key]})"
        for key in changes
        if key in old
        and key[0] not in ("data", "labels")
        and old[key] not in [values.get(key) for values in known]
    ]


def _edited(text: str, changes: Mapping[Key, Any]) -> str:
    """The YAML text with other values, as `dvc exp run -S` edits it: comments stay."""
    editor = YAML()
    editor.width = 4096  # never fold a long path
    document = editor.load(text)
    for (section, key), value in changes.items():
        present = document.setdefault(section, {})
        if isinstance(value, list) and isinstance(present.get(key), list):
            present[key][:] = value  # in place: the comment belongs to the list
        elif isinstance(value, dict) and isinstance(present.get(key), dict):
            present[key].update(value)
        else:
            present[key] = value
    buffer = io.StringIO()
    editor.dump(document, buffer)
    return buffer.getvalue()


def _flat(text: str, source: str) -> dict[Key, Any]:
    try:
        sections = read_yaml(text)
        return {(section, key): value for section, keys in sections.items() for key, value in keys.items()}
    except (YAMLError, AttributeError) as error:
        raise PipelineError(f"{source}: has no sections of keys and values ({error}).") from error
