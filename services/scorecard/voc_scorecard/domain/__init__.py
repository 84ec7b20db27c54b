"""What the scorecard decides by: facts of records, contributions to counters, chains, ranges, detection."""
