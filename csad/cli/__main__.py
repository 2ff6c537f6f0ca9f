"""`python -m csad.cli`: the `csad` command where no script is installed."""

from csad.cli import main

main()
