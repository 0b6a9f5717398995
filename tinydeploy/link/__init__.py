"""The serial protocol between host and board."""
