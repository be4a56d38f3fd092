"""One servicer for each service of the contract; only here do wire types meet the model."""
