"""Use cases of the scorecard: count what comes, know what others say, answer reads."""
