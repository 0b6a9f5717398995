"""From a plan to C: pure functions, same input, same bytes."""
