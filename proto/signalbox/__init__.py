"""The contract of Signalbox, as Python sees it."""
