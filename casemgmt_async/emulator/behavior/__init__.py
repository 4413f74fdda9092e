"""What a test can script: faults, rate limits, other users of the service, and the time."""
