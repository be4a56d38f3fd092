"""What is wrong with rules together: found by asking about all messages at once, and shown by one of them."""
