"""Peripherals of the emulated boards: one module per chip family, and what families share."""
