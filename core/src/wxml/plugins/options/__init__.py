"""The options of a plugin: their schema, from the signature of a constructor, and the faults of their values."""
