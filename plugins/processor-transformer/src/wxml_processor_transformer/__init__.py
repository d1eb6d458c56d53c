"""Graph transformer and sliding-window transformer: processors and mappers."""
