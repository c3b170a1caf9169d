"""The picture in the README: the head of a run's report, `python -m tests.screenshot RUN`."""

import sys
from pathlib import Path

from PIL import Image

from tests import browser

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "report.png"
WIDTH, HEIGHT, SHOWN_WIDTH, N_COLOURS = 1280, 1000, 800, 32


def main(run):
    with browser.tab() as tab:
        tab.resize(WIDTH, HEIGHT)
        tab.open((Path(run).absolute() / "report.html").as_uri())
        tab.screenshot(PICTURE)
    shown = Image.open(PICTURE).convert("RGB").crop((0, 0, WIDTH, HEIGHT))
    small = shown.resize((SHOWN_WIDTH, HEIGHT * SHOWN_WIDTH // WIDTH), Image.Resampling.LANCZOS)
    small.quantize(N_COLOURS).save(PICTURE, optimize=True)
    print(f"wrote {PICTURE}")


if __name__ == "__main__":
    main(sys.argv[1])
