"""The mapping file: what the rows of somebody's table mean as messages. docs/maps.md is its specification."""
