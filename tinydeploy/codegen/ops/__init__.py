"""How each op becomes C: its constants, parameters and kernel call."""
