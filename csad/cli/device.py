"""The option that says where a command computes."""

import click

device_option = click.option(
    "--device", help="cpu, cuda or cuda:N; without it what CSAD_DEVICE says, else CUDA where torch finds it."
)
