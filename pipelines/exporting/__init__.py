"""What a voice folder is made of beside its networks."""
