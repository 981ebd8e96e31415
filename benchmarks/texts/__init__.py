"""What is said, and what it sounds like in plain words."""
