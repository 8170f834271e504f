"""Sentences about the figures, for the page and the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pipeline.config.variants import VARIANTS
from pipeline.report.compare import Pair
from pipeline.report.intervals import FEW_SEEDS, LEVEL, Comparison
from pipeline.report.tables import CONDITIONS, VariantRow
from pipeline.report.tsne import Panel

# M_J under the true audio over M_J under another clip's
LISTENS = 2  # from here on the model is said to listen
MATTERS = 1.1  # from here on the audio is said to matter


def signed(value: float) -> str:
    """A difference with its sign, to three places: +0.021, −0.004."""
    text = f"{value:+.3f}"
    return ("0.000" if float(text) == 0 else text).replace("-", "−")


def p_value(p: float | None) -> str:
    """A p value to three places: 0.031, < 0.001; a dash where there is none."""
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 clip, 2 clips, 1,200 categories."""
    several = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else several}"


def scope(comparison: Comparison) -> str:
    """Over which clips and seeds the headline interval holds."""
    clips, seeds = f"{comparison.n_clips} test clips", f"{comparison.n_seeds} seeds"
    if comparison.both is not None:
        return f"over {clips} and {seeds}"
    return f"over {seeds}" if comparison.seeds is not None else f"over {clips}, one seed each"


def verdict_words(pair: Pair) -> str:
    """The verdict as a heading, qualified where it rests on a single training."""
    single = pair.comparison.n_seeds == 1 and pair.verdict != "cannot tell"
    return pair.verdict.capitalize() + (", as far as one training shows" if single else "")


def compare_sentence(pair: Pair) -> str:
    """Difference of two variants in test M_J, with its interval and what it leaves open."""
    comparison, interval = pair.comparison, pair.interval
    size = f"{abs(comparison.difference):.3f}"
    side = "above" if comparison.difference >= 0 else "below"
    sentence = f"{pair.variant} is {size} {side} {pair.against} in test M_J"
    if interval is None:
        return f"{sentence}: one figure each, so it is unknown how much of that is chance."
    sentence += f" (95 % interval {signed(interval.low)} to {signed(interval.high)}, {scope(comparison)})."
    if comparison.verdict == "cannot tell":
        sentence += " The interval includes 0: the data does not separate the two."
    elif pair.verdict == "cannot tell":
        corrected = pair.p != interval.p
        sentence += (
            " Among several differences one this large"
            if corrected
            else " By its p value a difference this large"
        )
        sentence += f" may be chance (p {p_value(pair.p)}{' after correction' if corrected else ''})."
    return sentence + caveat(comparison)


def caveat(comparison: Comparison) -> str:
    """What a verdict over few seeds leaves open; "" where there are enough."""
    if comparison.n_seeds == 1:
        return " With one seed each, another training may give another result."
    if comparison.both is not None and comparison.n_seeds <= FEW_SEEDS:
        return (
            " With so few seeds such an interval contains the truth in about 9 cases of 10, not in 19 of 20."
        )
    return ""


def power_sentence(pair: Pair) -> str:
    """How many seeds would show a difference of the size seen, at 80 % power."""
    comparison = pair.comparison
    if comparison.n_seeds < 2:
        return "One seed does not show how many would settle it; train two or more (`train.seeds`)."
    if pair.seeds_needed is None:
        sentence = "More than 1,000 seeds would be needed to show a difference this small against this spread"
        return f"{sentence}, or more test clips." if comparison.both is not None else f"{sentence}."
    return (
        f"A difference of this size and spread would be found 4 times in 5 with "
        f"{pair.seeds_needed} seeds; {comparison.n_seeds} were trained."
    )


def audio_gain_sentence(
    row: VariantRow, gain: Comparison | None = None, control: VariantRow | None = None
) -> str:
    """How one variant's masks depend on the audio, and what a model trained without audio finds.

    Args:
        row: the variant.
        gain: true audio minus another clip's, of `compare.audio_gain`; None where it is not known by clip.
        control: the variant trained without audio (`Variant.audio_control`).

    Returns:
        One to three sentences.
    """
    sentence = _audio_dependence(row, gain)
    known = VARIANTS.get(row.variant)
    if control is None or control.miou is None or row.miou is None or (known and not known.audio):
        return sentence
    sentence += f" Trained without sound ({control.variant}) the M_J is {control.miou.mean:.3f}"
    if control.miou.mean > 0:
        sentence += f": the true sound gives {row.miou.mean / control.miou.mean:.2f} times as much"
    return sentence + "."


def _audio_dependence(row: VariantRow, gain: Comparison | None) -> str:
    known = VARIANTS.get(row.variant)
    if known and not known.audio:
        return f"{row.variant}: has no audio input, by construction."
    if row.miou is None or row.miou_where_swapped is None or row.swapped_miou is None:
        return f"{row.variant}: not measured under another clip's sound."
    true, swapped = row.miou_where_swapped.mean, row.swapped_miou.mean
    sentence = f"{row.variant}: {true:.3f} with the true sound, {swapped:.3f} with another clip's"
    if not math.isclose(true, row.miou.mean):
        sentence += " (over the clips that have one)"
    if true <= 0:
        return sentence + "."
    if gain is not None and _hardly_matters(gain, true):
        return f"{sentence}. The masks hardly depend on the sound."
    if gain is not None and _may_be_chance(gain):
        return f"{sentence}. It is unclear whether the sound matters."
    ratio = row.true_over_swapped
    if ratio is None:
        return f"{sentence}. It listens."
    if ratio >= LISTENS:
        return f"{sentence}: {ratio:.1f} times as much. It listens."
    if ratio >= MATTERS:
        return f"{sentence}: {ratio:.2f} times as much. The sound matters, but much is segmented without it."
    if ratio > 1 / MATTERS:
        return f"{sentence}. The masks hardly depend on the sound."
    return f"{sentence}. The masks depend on the sound, and fit better under another clip's."


def _hardly_matters(gain: Comparison, true: float) -> bool:
    """Whether the whole interval is too close to 0 to matter: that is a result, not missing evidence."""
    interval = gain.headline
    return (
        interval is not None
        and true * (1 - MATTERS) < interval.low
        and interval.high < true * (1 - 1 / MATTERS)
    )


def _may_be_chance(gain: Comparison) -> bool:
    """Whether the interval includes 0 or the p value is not significant, as in `Pair.verdict`."""
    return gain.verdict == "cannot tell" or (gain.headline is not None and gain.headline.p >= 1 - LEVEL)


def listening_sentence(variant: str, pairs: Sequence[Pair], areas: Mapping[str, float]) -> str:
    """How much better or worse one variant listens than the first, by G-mIoU under each negative sound.

    Args:
        variant: its name.
        pairs: this variant's, of `compare_listening`.
        areas: mean false-positive area under negative audio, by variant.

    Returns:
        The verdicts by condition, the areas' ratio, and how many seeds would settle what is open.
    """
    against, words = pairs[0].against, {"better": "better than", "worse": "worse than"}
    parts = []
    for verdict in ("better", "worse", "cannot tell"):
        of = [pair for pair in pairs if pair.verdict == verdict]
        if of:
            sounds = ", ".join(CONDITIONS[pair.figure.removeprefix("g_miou_")] for pair in of)
            sentence = (
                f"{words[verdict]} {against}" if verdict in words else f"indistinguishable from {against}"
            )
            parts.append(f"{sentence} under {sounds}")
    sentence = f"{variant}, by G-mIoU: {'; '.join(parts)}."
    if areas.get(against, 0) > 0 and variant in areas:
        ratio = areas[variant] / areas[against]
        sentence += f" False-positive area under negative audio: {ratio:.2f} times that of {against}."
    open_ = [
        pair.seeds_needed for pair in pairs if pair.verdict == "cannot tell" and pair.comparison.n_seeds > 1
    ]
    needed = [seeds for seeds in open_ if seeds is not None]
    if len(needed) < len(open_):
        sentence += " To settle what is open takes more test clips, or more than 1,000 seeds."
    elif needed:
        sentence += f" To settle what is open: {max(needed)} seeds."
    return sentence + "".join(dict.fromkeys(caveat(pair.comparison) for pair in pairs))


def collapse_sentence(panels: Sequence[Panel]) -> str:
    """Whether one variant's features collapsed between its first kept epoch and its last."""
    first, last = panels[0], panels[-1]
    sentence = f"{last.variant}:"
    if first.silhouette is not None and last.silhouette is not None:
        sentence += f" silhouette by category {signed(first.silhouette)} at epoch {first.epoch}"
        sentence += (
            f", {signed(last.silhouette)} at epoch {last.epoch};" if last.epoch != first.epoch else ";"
        )
    spreads = {"encoder's crop": last.spread, "crop": last.crop_spread, "sound": last.sound_spread}
    collapsed = [
        f"{name} features (mean cosine {s.mean_cosine:.3f})"
        for name, s in spreads.items()
        if s and s.collapsed
    ]
    if collapsed:
        sentence += f" COLLAPSED: {' and '.join(collapsed)} all point one way: their cosine says nothing."
    elif last.spread is None:
        sentence += " too few crops to see whether the features collapsed."
    else:
        sentence += " no collapse."
    sentence += " (Of the train clips; no other clips have boxes.)"
    found = last.retrieval.get("sound to crop, all clips")
    if found is not None:
        sentence += (
            f" At epoch {last.epoch} a sound finds a crop of its own clip in {100 * found.accuracy:.0f} % "
            f"of the searches (chance {100 * found.chance:.0f} %)."
        )
    return sentence


def missing_sentence(variants: Sequence[str]) -> str:
    """The reason why there is no comparison."""
    if len(variants) < 2:
        return f"Only {variants[0]} was trained: there is nothing to compare it with."
    return "The variants share no seed: train them with the same `train.seeds` to compare them."
