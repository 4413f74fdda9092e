"""The data of one emulated organisation: records, search, seeding, and the log of requests."""
