"""Rule files become an immutable rule set. Pure: no I/O, no clock, no randomness; a matcher is passed in."""
