"""`voc demo`: a believable company through the front door, and what voc makes of it."""
