"""How plugins are found, chosen, loaded and recorded."""
