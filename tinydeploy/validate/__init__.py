"""Proof that an image computes what the reference computes."""
