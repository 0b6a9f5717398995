"""Which of the zoo's nets fit a board, at which resolution, in how much time and memory."""
