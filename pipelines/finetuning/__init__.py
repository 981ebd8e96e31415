"""A voice out of minutes of recordings: which of them to use, which checkpoint to keep, a report to listen to."""
