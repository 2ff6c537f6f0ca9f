"""The options that say where and by what a command computes."""

import click

from csad.scoring.runtimes.names import RUNTIMES

device_option = click.option(
    "--device", help="cpu, cuda or cuda:N; without it what CSAD_DEVICE says, else CUDA where torch finds it."
)

runtime_option = click.option(
    "--runtime",
    type=click.Choice(RUNTIMES),
    help="What computes the networks; without it what CSAD_RUNTIME says, else the first that is installed and was "
    "found to compute as torch does. A GPU is torch's alone.",
)
