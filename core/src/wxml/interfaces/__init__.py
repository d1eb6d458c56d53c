"""What a plugin fills: one abstract class per kind, one file per class."""
