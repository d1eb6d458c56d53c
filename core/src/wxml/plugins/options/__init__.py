"""The options of a plugin: the schema from a constructor's signature, and what is wrong with values."""
