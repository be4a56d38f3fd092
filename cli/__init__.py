"""The `signalbox` command, for people."""
