"""Channel adapters: how a step that was decided reaches a provider, and what the provider says to it.

`base` is the one contract. To add a provider, write `<channel>/<provider>.py` with a class that keeps it and a function
`build(spec, surroundings)`, name the function in `registry.TYPES` (or, in a package of your own, as an entry point of
the group `signalbox.adapters`), and add it to the list in `tests/adapters/contract/`: all tests there are then its own.
"""
