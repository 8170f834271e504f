"""Resume state: what an interrupted run left, used only by a run with the same fingerprint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from pipeline.utils.errors import PipelineError
from pipeline.utils.files import atomic_path


class ResumeState:
    """State of one (variant, seed) in `folder`, in a file whose name carries the run's fingerprint.

    Args:
        folder: ignored by git and by DVC.
        run: "{variant}-{seed}".
        fingerprint: of everything that decides the run's result (`RunConfig.fingerprint`).
    """

    def __init__(self, folder: Path, run: str, fingerprint: str) -> None:
        self.folder, self.run, self.fingerprint = folder, run, fingerprint
        self.path = folder / f"{run}-{fingerprint[:16]}.pt"

    def load(self) -> dict[str, Any] | None:
        """The saved state, or None where there is none; a state of another fingerprint is never returned."""
        if not self.path.exists():
            return None
        state = _read(self.path)
        if state is None:
            raise PipelineError(
                f"{self.path}: the state of the interrupted run {self.run} is damaged; remove it, and the "
                "run starts again."
            )
        return state if state["fingerprint"] == self.fingerprint else None

    def stale_states(self) -> list[tuple[Path, dict[str, Any] | None]]:
        """States that interrupted runs of the same name left with other settings, data or code.

        Returns:
            Each file with its run's config; None for a file without one.
        """
        others = sorted(path for path in self.folder.glob(f"{self.run}-*.pt") if path != self.path)
        return [(path, None if (state := _read(path)) is None else state["config"]) for path in others]

    def save(self, state: dict[str, Any]) -> None:
        """Write the state atomically."""
        with atomic_path(self.path) as temporary:
            try:
                torch.save({**state, "fingerprint": self.fingerprint}, temporary)
            except RuntimeError as error:  # how torch reports a full disk
                raise PipelineError(
                    f"{self.path}: cannot be written ({error}). Free some space and run again: it continues "
                    "from the last epoch that was saved."
                ) from error

    def clear(self) -> None:
        """Remove the state of a run that has ended well."""
        self.path.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any] | None:
    """A saved state, its tensors mapped and not read; None for a file that is none."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        return state if {"fingerprint", "config"} <= state.keys() else None
    except PermissionError:
        raise
    except Exception:  # of many kinds, by where the damage lies
        return None
