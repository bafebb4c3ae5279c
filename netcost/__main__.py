"""`python -m netcost`."""

from netcost.cli.app import main

main()
