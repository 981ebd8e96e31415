"""A mark below hearing that says speech is synthetic: put in as it streams, found again by its key. No torch."""
