"""Who listens: recognition, predicted MOS, likeness of voices, STOI, PESQ, error rates."""
