"""`python -m casemgmt_async.cli` is `casemgmt`."""

from casemgmt_async.cli import main

main()
