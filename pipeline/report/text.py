"""What the figures say, in plain sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pipeline.config.variants import VARIANTS
from pipeline.report.compare import Pair
from pipeline.report.intervals import FEW_SEEDS, LEVEL, Comparison
from pipeline.report.tables import CONDITIONS, VariantRow
from pipeline.report.tsne import Panel

# what the true sound gives, in times what another clip's gives
LISTENS = 2
MATTERS = 1.1


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
    """What the headline interval's chance is over."""
    clips, seeds = f"{comparison.n_clips} test clips", f"{comparison.n_seeds} seeds"
    if comparison.both is not None:
        return f"over {clips} and {seeds}"
    return f"over {seeds}" if comparison.seeds is not None else f"over {clips}, one seed each"


def verdict_words(pair: Pair) -> str:
    """The verdict as a heading, with the limit that a single training sets on it."""
    alone = pair.comparison.n_seeds == 1 and pair.verdict != "cannot tell"
    return pair.verdict.capitalize() + (", as far as one training tells" if alone else "")


def compare_sentence(pair: Pair) -> str:
    """How one variant's test M_J stands to another's, with the interval and what it leaves open."""
    comparison, interval = pair.comparison, pair.interval
    size = f"{abs(comparison.difference):.3f}"
    side = "above" if comparison.difference >= 0 else "below"
    said = f"{pair.variant} lies {size} {side} {pair.against} in test M_J"
    if interval is None:
        return f"{said}: one figure each, so nothing says how much of that is chance."
    said += f" (95 % interval {signed(interval.low)} to {signed(interval.high)}, {scope(comparison)})."
    if comparison.verdict == "cannot tell":
        said += " The interval holds 0: the data does not tell the two apart."
    elif pair.verdict == "cannot tell":
        corrected = pair.p != interval.p
        said += (
            " Among several differences one like it" if corrected else " By its p value a difference like it"
        )
        said += f" may be chance (p {p_value(pair.p)}{' after correction' if corrected else ''})."
    return said + caveat(comparison)


def caveat(comparison: Comparison) -> str:
    """What a verdict over few seeds leaves open; nothing where there are enough."""
    if comparison.n_seeds == 1:
        return " With one seed each, another training may come out differently."
    if comparison.both is not None and comparison.n_seeds <= FEW_SEEDS:
        return " With so few seeds such an interval holds the truth in about 9 cases of 10, not in 19 of 20."
    return ""


def power_sentence(pair: Pair) -> str:
    """How many seeds would show a difference of the size seen, at 80 % power."""
    comparison = pair.comparison
    if comparison.n_seeds < 2:
        return "How many seeds would settle it cannot be said from one; train two or more (`train.seeds`)."
    if pair.seeds_needed is None:
        said = "More than 1,000 seeds would be needed to show a difference this small against this spread"
        return f"{said}, or more test clips." if comparison.both is not None else f"{said}."
    return (
        f"A difference of this size and spread would be found 4 times in 5 with "
        f"{pair.seeds_needed} seeds; {comparison.n_seeds} were trained."
    )


def audio_gain_sentence(
    row: VariantRow, gain: Comparison | None = None, silent: VariantRow | None = None
) -> str:
    """What another clip's sound does to one variant's masks, and what a model trained without sound finds.

    Args:
        gain: true sound minus another clip's, of `compare.hearing`; None where it is not known by clip.
        silent: the variant trained without sound.
    """
    said = _hearing(row, gain)
    known = VARIANTS.get(row.variant)
    if silent is None or silent.miou is None or row.miou is None or (known and not known.audio):
        return said
    said += f" Trained without sound ({silent.variant}) the M_J is {silent.miou.mean:.3f}"
    if silent.miou.mean > 0:
        said += f": the true sound gives {row.miou.mean / silent.miou.mean:.2f} times as much"
    return said + "."


def _hearing(row: VariantRow, gain: Comparison | None) -> str:
    known = VARIANTS.get(row.variant)
    if known and not known.audio:
        return f"{row.variant}: hears nothing, by construction."
    if row.miou is None or row.miou_where_swapped is None or row.swapped_miou is None:
        return f"{row.variant}: not measured under another clip's sound."
    true, swapped = row.miou_where_swapped.mean, row.swapped_miou.mean
    said = f"{row.variant}: {true:.3f} with the true sound, {swapped:.3f} with another clip's"
    if not math.isclose(true, row.miou.mean):
        said += " (over the clips that have one)"
    if true <= 0:
        return said + "."
    if gain is not None and _hardly_matters(gain, true):
        return f"{said}. The masks hardly depend on the sound."
    if gain is not None and _may_be_chance(gain):
        return f"{said}. Whether the sound matters cannot be told."
    ratio = row.true_over_swapped
    if ratio is None:
        return f"{said}. It listens."
    if ratio >= LISTENS:
        return f"{said}: {ratio:.1f} times as much. It listens."
    if ratio >= MATTERS:
        return f"{said}: {ratio:.2f} times as much. The sound matters, but much is found without it."
    if ratio > 1 / MATTERS:
        return f"{said}. The masks hardly depend on the sound."
    return f"{said}. The masks depend on the sound, and fit better under another clip's."


def _hardly_matters(gain: Comparison, true: float) -> bool:
    """Whether all that the interval allows is too little to matter: a close interval round 0 is a finding."""
    interval = gain.headline
    return (
        interval is not None
        and true * (1 - MATTERS) < interval.low
        and interval.high < true * (1 - 1 / MATTERS)
    )


def _may_be_chance(gain: Comparison) -> bool:
    """Whether the interval holds 0 or the p value does not agree with it, as `Pair.verdict` has it."""
    return gain.verdict == "cannot tell" or (gain.headline is not None and gain.headline.p >= 1 - LEVEL)


def listening_sentence(variant: str, pairs: Sequence[Pair], areas: Mapping[str, float]) -> str:
    """How much better or worse one variant listens than the first, by G-mIoU under each negative sound.

    Args:
        pairs: this variant's, of `compare_listening`.
        areas: mean false-positive area under negative sounds, by variant.
    """
    against, words = pairs[0].against, {"better": "better than", "worse": "worse than"}
    parts = []
    for verdict in ("better", "worse", "cannot tell"):
        of = [pair for pair in pairs if pair.verdict == verdict]
        if of:
            sounds = ", ".join(CONDITIONS[pair.figure.removeprefix("g_miou_")] for pair in of)
            said = f"{words[verdict]} {against}" if verdict in words else f"not to be told from {against}"
            parts.append(f"{said} under {sounds}")
    text = f"{variant}, by G-mIoU: {'; '.join(parts)}."
    if areas.get(against, 0) > 0 and variant in areas:
        ratio = areas[variant] / areas[against]
        text += f" False-positive area under such sounds: {ratio:.2f} times that of {against}."
    open_ = [
        pair.seeds_needed for pair in pairs if pair.verdict == "cannot tell" and pair.comparison.n_seeds > 1
    ]
    needed = [seeds for seeds in open_ if seeds is not None]
    if len(needed) < len(open_):
        text += " To settle what is open takes more test clips, or more than 1,000 seeds."
    elif needed:
        text += f" To settle what is open: {max(needed)} seeds."
    return text + "".join(dict.fromkeys(caveat(pair.comparison) for pair in pairs))


def health_sentence(panels: Sequence[Panel]) -> str:
    """Whether one variant's features stayed alive from its first kept epoch to its last."""
    first, last = panels[0], panels[-1]
    said = f"{last.variant}:"
    if first.silhouette is not None and last.silhouette is not None:
        said += f" silhouette by category {signed(first.silhouette)} at epoch {first.epoch}"
        said += f", {signed(last.silhouette)} at epoch {last.epoch};" if last.epoch != first.epoch else ";"
    spreads = {"encoder's crop": last.spread, "crop": last.crop_spread, "sound": last.sound_spread}
    dead = [
        f"{name} features (mean cosine {s.mean_cosine:.3f})"
        for name, s in spreads.items()
        if s and s.collapsed
    ]
    if dead:
        said += f" COLLAPSED: {' and '.join(dead)} all point one way, so that their cosine says nothing."
    elif last.spread is None:
        said += " too few crops to tell whether the features collapsed."
    else:
        said += " no collapse."
    said += " (Of the train clips, which alone are boxed.)"
    found = last.retrieval.get("sound to crop, all clips")
    if found is not None:
        said += (
            f" At epoch {last.epoch} a sound finds a crop of its own clip in {100 * found.accuracy:.0f} % "
            f"of the searches (chance {100 * found.chance:.0f} %)."
        )
    return said


def missing_sentence(variants: Sequence[str]) -> str:
    """Why there is no comparison."""
    if len(variants) < 2:
        return f"Only {variants[0]} was trained: there is nothing to compare it with."
    return "The variants share no seed: train them with the same `train.seeds` to compare them."
