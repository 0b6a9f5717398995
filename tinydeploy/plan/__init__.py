"""In which order rows are made and where every byte lies."""
