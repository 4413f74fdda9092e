"""Finds out how the service behaves for one organisation, where the documentation is silent.

`probe_reading` only reads, within a stated number of requests. `probe_writing` creates a few cases in a project that
the user names, and archives them. Both return `Finding` objects; `facts_of` makes `Facts` of them, which
`Emulator(facts=...)` imitates.
"""

from casemgmt_async.facts import Facts, RateLimitFact
from casemgmt_async.probe.findings import Finding, Verdict, facts_of
from casemgmt_async.probe.reading import MAX_READS, probe_reading
from casemgmt_async.probe.writing import MARK, MAX_CASES, announcement, probe_writing

__all__ = [
    "MARK",
    "MAX_CASES",
    "MAX_READS",
    "Facts",
    "Finding",
    "RateLimitFact",
    "Verdict",
    "announcement",
    "facts_of",
    "probe_reading",
    "probe_writing",
]
