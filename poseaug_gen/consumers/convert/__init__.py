"""Exports as the files that other people's tools read: a module a format, and what they have in common."""
