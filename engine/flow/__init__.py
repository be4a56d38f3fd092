"""What moves: versions from their folders into service, facts to the rules process and back."""
