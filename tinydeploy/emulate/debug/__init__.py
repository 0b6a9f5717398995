"""What a debugger does with an emulated chip, and the protocols it speaks."""
