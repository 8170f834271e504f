"""DVC stage: variants compared, on one page and on the terminal."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from pipeline.config.params import load_params, read_yaml
from pipeline.config.paths import AUDIO, BOXES, CATALOG, EVAL, LOGS, PARAMS, REPORTS, SUMMARY, TRANSFER
from pipeline.data.catalog import read_catalog
from pipeline.report.compare import audio_gain, compare_variants
from pipeline.report.inputs import read_runs
from pipeline.report.listening import compare_listening
from pipeline.report.page import ReportContext, build_page
from pipeline.report.provenance import provenance
from pipeline.report.summary import summarise
from pipeline.report.tables import VariantRow, audio_control, variant_rows
from pipeline.report.text import audio_gain_sentence, compare_sentence
from pipeline.utils.files import atomic_folder, read_json, write_json, write_text
from stages.common import run


def main() -> None:
    """Compare what was trained: write reports/index.html and metrics/summary.json, print the table.

    Example: python -m stages.report
    """
    params = load_params()
    runs = read_runs(params.train.variants, params.train.seeds, evaluation=EVAL, logs=LOGS)
    problems, info, transfer = BOXES / "problems.csv", AUDIO / "info.json", TRANSFER
    context = ReportContext(
        params=read_yaml(PARAMS.read_text(encoding="utf-8")),
        catalog=read_catalog(CATALOG) if CATALOG.exists() else None,
        problems=pd.read_csv(problems, dtype=str, keep_default_na=False) if problems.exists() else None,
        audio=read_json(info) if info.exists() else None,
        transfer=read_json(transfer) if transfer.exists() else None,
        provenance=provenance(Path()),
    )
    seed = params.evaluate.seed
    pairs = compare_variants(runs, seed=seed) + compare_listening(runs, seed=seed)
    page = build_page(runs, pairs, context, seed=seed)
    with atomic_folder(REPORTS) as folder:
        write_text(folder / "index.html", page)
    write_json(SUMMARY, summarise(runs, pairs))

    rows = variant_rows(runs)
    console = Console()
    console.print(_table(rows))
    control = audio_control(rows)
    compared = [compare_sentence(pair) for pair in pairs if pair.figure == "miou"]
    gains = audio_gain(runs, seed=seed)
    for line in compared + [audio_gain_sentence(row, gains.get(row.variant), control) for row in rows]:
        console.print(line, markup=False, highlight=False)
    console.print(f"report: {REPORTS / 'index.html'}", markup=False, highlight=False)


def _table(rows: list[VariantRow]) -> Table:
    table = Table("variant", "epochs", "val M_J (epoch kept)", "test M_J", "test M_F")
    for row in rows:
        val = f"{row.val_miou or '–'} ({row.best_epoch})"
        table.add_row(row.variant, row.epochs, val, str(row.miou or "–"), str(row.fscore or "–"))
    return table


if __name__ == "__main__":
    run(main)
