"""A report on an export or a run: one HTML page that needs nothing but a browser, and its figures as JSON."""
