"""The report as one HTML file: what a page shows, computed here, and templates that hold text."""
