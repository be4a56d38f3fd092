"""Mutation testing of rules: small mistakes are made in a copy of the rules, and some rule test should notice each."""
