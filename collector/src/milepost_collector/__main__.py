"""`python -m milepost_collector` is `milepost-collector`."""

from milepost_collector.cli import main

main()
