"""One call over HTTP: send, classify, retry, rate limits, deadline, events."""
