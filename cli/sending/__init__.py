"""`signalbox send`: messages in batches to a server, what they need there put in place, what became of them counted."""
