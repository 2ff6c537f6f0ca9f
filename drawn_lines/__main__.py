"""Draw made-up product lines: seven more kinds of products to detect on, in LOCO layout with masks.

Run `python -m drawn_lines`, then `python -m benchmarks.measure --only pins`. A line takes about 3 minutes.
It appears in the output folder when it is complete; the same command again draws only what is not there. A picture
depends on the line, its folder, its number and the seed alone.
"""

import argparse
import logging
import sys
from pathlib import Path

from csad.common.errors import CsadError
from drawn_lines.data_set import LEAST_TRAINING_IMAGES, draw_line
from drawn_lines.lines import DRAWN, LINES, ROOT

IMAGES = 120


def main() -> None:
    """Draw the chosen lines."""
    options = _options()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for name, line in LINES.items():
        if options.only and name not in options.only:
            continue
        try:
            drawn = draw_line(name, line, options.output, options.seed, options.images)
        except (CsadError, OSError) as error:
            sys.exit(f"Error: {error}")
        print(f"{options.output / name}{'' if drawn else ': already drawn, left alone'}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m drawn_lines",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--output", type=Path, default=DRAWN, metavar="FOLDER", help=f"default: {DRAWN.relative_to(ROOT)}"
    )
    parser.add_argument("--only", nargs="+", choices=LINES, metavar="NAME", help=f"of: {', '.join(LINES)}")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument(
        "--images",
        type=int,
        default=IMAGES,
        metavar="N",
        help=f"training images, {LEAST_TRAINING_IMAGES} or more, and a quarter as many of every other kind; "
        f"default: {IMAGES}",
    )
    options = parser.parse_args()
    if options.images < LEAST_TRAINING_IMAGES:
        parser.error(f"--images is {options.images}, expected {LEAST_TRAINING_IMAGES} or more")
    if options.seed < 0:
        parser.error(f"--seed is {options.seed}, expected 0 or more")
    return options


if __name__ == "__main__":
    main()
