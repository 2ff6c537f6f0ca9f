"""The `csad` command. Heavy imports live inside the commands, so that help is instant."""

import logging
import sys

import click

from csad.cli.benchmark import benchmark
from csad.cli.data import data
from csad.cli.deploy import deploy, rollback, status, undeploy
from csad.cli.evaluate import evaluate
from csad.cli.failures import FailingClearly
from csad.cli.gate import gate
from csad.cli.line import line
from csad.cli.masks import masks
from csad.cli.models import models
from csad.cli.optimise import optimise
from csad.cli.package import package
from csad.cli.score import score
from csad.cli.serve import serve
from csad.cli.train import train
from csad.cli.watch import watch
from csad.cli.weights import weights

HELP = """Find logical and structural defects after training on good images only.

\b
The usual order:
  csad line new bottles --output bottles.yaml       write the settings of a product line
  csad line check bottles.yaml --data data/         look at every image before anything runs
  csad masks preview bottles.yaml --data data/      both ways of finding components, side by side
  csad train bottles.yaml --data data/ --output model/
  csad score model/ new_images/ --maps maps/        decide, and see where and why
  csad evaluate model/ --data data/ --report report.html
  csad optimise model/ --data data/                 the fastest runtime on this machine
  csad serve model/                                 a page and an API; csad watch feeds it from a folder

\b
With an S3 store (see csad data --help):
  csad data push data/ --line bottles               keep images in versions; list, verify, pull
  csad models list bottles                          registered models; show, promote, rollback
  csad deploy bottles.yaml --latest                 serve one on Kubernetes; status, rollback, undeploy

\b
To compare with the paper (arXiv:2408.15628):
  csad line new bottles --preset paper              every setting as published
  csad benchmark loco --data LOCO --tables 1        its tables, ours beside the published figures

\b
DATA is a folder of good images, or:
  data/train/good/*.png          good images that train
  data/validation/good/*.png     good images that set the threshold (may be left out)
  data/test/good/*.png           for `csad evaluate` only
  data/test/<kind>/*.png         logical_anomalies, structural_anomalies, ...
  data/ground_truth/<kind>/<name>/*.png   masks of the defects, if there are any

Results go to stdout, messages to stderr. Exit codes: 0 done, 1 the work failed, 2 wrong use.
"""


class _StandardError(logging.Handler):
    """Writes to whatever sys.stderr is at that moment: a progress bar replaces it while it is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        try:
            sys.stderr.write(self.format(record) + "\n")
        except OSError:
            self.handleError(record)


@click.group(cls=FailingClearly, help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="csad", message="%(package)s %(version)s")
@click.option("--quiet", is_flag=True, help="Show warnings and errors only.")
def main(quiet: bool) -> None:
    """Set up messages; the text of `csad --help` is HELP."""
    root = logging.getLogger()
    handler = _StandardError()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S"))
    root.handlers = [*(other for other in root.handlers if not isinstance(other, _StandardError)), handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("csad").setLevel(logging.WARNING if quiet else logging.INFO)


for command in (benchmark, line, masks, train, score, optimise, serve, watch, evaluate, data, models, weights):
    main.add_command(command)
for command in (gate, package, deploy, status, rollback, undeploy):
    main.add_command(command)
