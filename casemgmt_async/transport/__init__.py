"""One call's life: where it goes, who sends it, attempt, judgement, retry, limits, deadline, events."""
