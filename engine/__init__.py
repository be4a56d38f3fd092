"""The engine: rules in, decisions out. `errors` and `clock` are open to every room; imports otherwise run one way."""
