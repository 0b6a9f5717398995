"""Boxes of objects from a net's raw outputs: what training, reports and the C all need."""
