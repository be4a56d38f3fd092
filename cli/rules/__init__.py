"""`signalbox rules`: one command a file, and what they share."""
