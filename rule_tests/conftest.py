"""Lets pytest collect the cases in the folders beside this file: `python -m pytest rule_tests/2026.11.1`."""

from cli.rules.pytest_plugin import pytest_collect_file

__all__ = ["pytest_collect_file"]
