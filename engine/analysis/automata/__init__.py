"""Questions about one text as automata: whether any text answers them all as wanted, and the shortest that does."""
