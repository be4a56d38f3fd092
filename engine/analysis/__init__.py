"""What rules could do: every question about all messages at once, and about one message after the fact."""
