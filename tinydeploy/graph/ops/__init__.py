"""The ops of the graph, one per file; importing this package registers all of them."""
