"""The report page: one self-contained HTML file, without scripts and without a network."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Protocol, TypeVar

import jinja2
import pandas as pd
from markupsafe import Markup, escape

from pipeline.evaluation.overlay import LEGEND
from pipeline.metrics.listening import NEGATIVE_CONDITIONS
from pipeline.report import data_text, published, text
from pipeline.report.compare import Pair, audio_gain, score_intervals
from pipeline.report.curves import draw_curves
from pipeline.report.figures import variant_colours, variant_dashes
from pipeline.report.inputs import Run
from pipeline.report.listening import listening_by_category
from pipeline.report.pictures import clip_pictures, listening_pictures
from pipeline.report.tables import (
    CONDITIONS,
    MEASURES,
    Mean,
    audio_control,
    category_rows,
    listening_tables,
    mean_of,
    representatives,
    variant_rows,
)
from pipeline.report.transfer import transfer_rows
from pipeline.report.tsne import draw_panels

PROBLEMS_SHOWN = 50


@dataclass(frozen=True)
class ReportContext:
    """Inputs of the page in addition to the runs; whatever is None is left out or reported as missing.

    Attributes:
        params: params.yaml as a nested mapping.
        catalog: the clip catalogue.
        problems: label problems (file, kind, detail; level too: error or warning).
        audio: data/audio/info.json.
        transfer: metrics/transfer.json, which `avs listen` wrote on another data set.
        provenance: commit, machine, versions.
    """

    params: Mapping[str, Any]
    catalog: pd.DataFrame | None = None
    problems: pd.DataFrame | None = None
    audio: Mapping[str, Any] | None = None
    transfer: Mapping[str, Any] | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)


def build_page(runs: Sequence[Run], pairs: Sequence[Pair], context: ReportContext, *, seed: int) -> str:
    """The report as HTML.

    Args:
        runs: in the order of `train.variants`, then seeds; others are compared with the first variant.
        pairs: of `compare_variants` and `compare_listening`.
        context: everything else that is shown.
        seed: of t-SNE and the bootstrap.
    """
    rows = variant_rows(runs)
    listening_pairs = [pair for pair in pairs if pair.figure != "miou"]
    pairs = [pair for pair in pairs if pair.figure == "miou"]
    areas = {row.variant: area.mean for row in rows if (area := false_area(runs, row.variant)) is not None}
    panels, markers = draw_panels(runs, seed=seed)
    panels = [panel for panel in panels if panel.crops]  # without boxes there is nothing to show
    category_variants, categories = category_rows(runs)
    listening_variants, listening = listening_tables(runs)
    unnamed = context.catalog is not None and not context.catalog["category"].astype(bool).any()
    problems = context.problems if context.problems is not None else pd.DataFrame(columns=["kind"])
    return _template().render(
        style=Markup(files("pipeline.report").joinpath("style.css").read_text(encoding="utf-8")),
        rows=rows,
        base=rows[0],
        colours=variant_colours([row.variant for row in rows]),
        dashes=variant_dashes([row.variant for row in rows]),
        pairs=pairs,
        headline=pairs[0] if pairs else None,
        missing=text.missing_sentence([row.variant for row in rows]),
        axis_limit=_axis_limit(pairs),
        data=data_text.data_sentence(context.params, context.catalog),
        source=context.params.get("data", {}).get("source", ""),
        audio_control=audio_control(rows),
        score_intervals=score_intervals(runs, seed=seed),
        audio_gain=audio_gain(runs, seed=seed),
        listening_pairs=grouped(listening_pairs),
        listening_sentences=[
            text.listening_sentence(name, group, areas) for name, group in grouped(listening_pairs).items()
        ],
        negatives=NEGATIVE_CONDITIONS,
        unnamed=unnamed,
        conditions=CONDITIONS,
        listening_categories=listening_by_category(runs),
        grids=listening_pictures(runs),
        transfer=transfer_rows(context.transfer),
        transfer_sentences=[
            data_text.transfer_sentence(
                row, context.params, bool((context.transfer or {}).get("two_source", False))
            )
            for row in transfer_rows(context.transfer)
        ],
        listening_variants=listening_variants,
        listening=listening,
        measures=MEASURES,
        reruns=published.RERUNS,
        systems=published.SYSTEMS,
        represented=representatives(rows),
        curves=draw_curves(runs),
        panels=panels,
        collapse_sentences=[text.collapse_sentence(group) for group in grouped(panels).values()],
        chances={name: found.chance for panel in panels for name, found in panel.retrieval.items()},
        markers=markers,
        named=any(markers),
        category_variants=category_variants,
        categories=categories,
        clips=clip_pictures(runs),
        legend=LEGEND,
        labels_checked=context.problems is not None,
        problems=problems.head(PROBLEMS_SHOWN).to_dict("records"),
        problem_count=len(problems),
        label_errors=int((problems["level"] == "error").sum()) if "level" in problems else None,
        problem_kinds=sorted(problems["kind"].astype(str).value_counts().items()),
        audio=data_text.audio_sentence(context.audio),
        params=list(flatten(context.params)),
        provenance=dict(context.provenance),
    )


class OfVariant(Protocol):
    """Anything that belongs to a variant."""

    @property
    def variant(self) -> str:
        """The variant's name."""
        ...


T = TypeVar("T", bound=OfVariant)


def grouped(items: Sequence[T]) -> dict[str, list[T]]:
    """Items by variant, in their order."""
    groups: dict[str, list[T]] = {}
    for item in items:
        groups.setdefault(item.variant, []).append(item)
    return groups


def false_area(runs: Sequence[Run], variant: str) -> Mean | None:
    """Mean false-positive area over the negative sounds and the seeds of one variant."""
    return mean_of(
        run.figures[key]
        for run in runs
        if run.variant == variant
        for key in (f"false_positive_area_{condition}" for condition in NEGATIVE_CONDITIONS)
        if key in run.figures
    )


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["signed"] = text.signed
    environment.filters["p_value"] = text.p_value
    environment.filters["symbols"] = symbols
    environment.filters["counted"] = text.counted
    environment.globals["verdict_words"] = text.verdict_words
    environment.globals["compare_sentence"] = text.compare_sentence
    environment.globals["power_sentence"] = text.power_sentence
    environment.globals["audio_gain_sentence"] = text.audio_gain_sentence
    return environment.get_template("report.html.jinja")


def symbols(text: str) -> Markup:
    """Plain text as HTML with M_J and M_F set as symbols."""
    return Markup(re.sub(r"\bM_([JF])\b", r"M<sub>\1</sub>", str(escape(text))))


def _axis_limit(pairs: Sequence[Pair]) -> float:
    """The largest bound of any interval: the scale of the interval pictures."""
    bounds = [
        abs(bound) for pair in pairs if pair.interval for bound in (pair.interval.low, pair.interval.high)
    ]
    return max([*bounds, 1e-6])


def flatten(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """A nested mapping as (dotted key, value) in its own order."""
    lines: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            lines += flatten(value, f"{prefix}{key}.")
        else:
            shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            lines.append((f"{prefix}{key}", shown))
    return lines
