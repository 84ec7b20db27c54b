"""What an item is, how it becomes a revision of a record, and when all that was known has been told."""
