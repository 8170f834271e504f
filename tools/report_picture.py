"""The README's picture, from a finished run: `python tools/report_picture.py`.

Needs a browser: `playwright install chromium`, or the path of one in the environment variable CHROMIUM.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

REPORT, PICTURE = Path("reports/index.html"), Path("docs/report.png")
WIDTH, CLIP = 1000, 3  # pixels of a column; which of the report's clips is shown


def main() -> None:
    """Verdict, table and sounds on the left, the masks of one test clip on the right."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM"))
        page = browser.new_page(viewport={"width": WIDTH, "height": WIDTH})
        page.goto(REPORT.resolve().as_uri())
        report = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
        tables, _ = rows(page, "#listening h3", 0)
        heading, _ = rows(page, "#pictures h2", 0)
        first, _ = rows(page, "#pictures figure.clip", 0)
        clip = rows(page, "#pictures figure.clip", CLIP)
        browser.close()
    picture = Image.new("RGB", (2 * WIDTH, tables), report.getpixel((2, 2)))
    picture.paste(report.crop((0, 0, WIDTH, tables)), (0, 0))
    picture.paste(report.crop((0, heading, WIDTH, first)), (WIDTH, 80))
    picture.paste(report.crop((0, clip[0], WIDTH, clip[1])), (WIDTH, 80 + first - heading))
    picture = picture.resize((1400, 1400 * tables // (2 * WIDTH)), Image.Resampling.LANCZOS)
    palette = picture.quantize(255, Image.Quantize.MAXCOVERAGE, kmeans=8, dither=Image.Dither.NONE)
    palette.save(PICTURE, optimize=True)


def rows(page: Page, selector: str, number: int) -> tuple[int, int]:
    """The first pixel row of an element of the page, and the one below its last."""
    box = page.locator(selector).nth(number).bounding_box()
    assert box is not None, selector
    return int(box["y"]), int(box["y"] + box["height"])


if __name__ == "__main__":
    main()
