"""Code shards as files: this project's, and those that others read."""
