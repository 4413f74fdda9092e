"""Scripted behaviour: faults, rate limits, other users of the service, and the time."""
