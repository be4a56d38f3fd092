"""`signalbox evaluate`: messages in batches to a server, the state kept here, what came out counted and shown."""
