"""Everything that is kept in Redis: message records, ledger, slices, lanes, timers, events, identities, control."""
