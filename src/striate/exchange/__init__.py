"""Foreign and plain file formats: one table a format, both directions."""
