"""What differs between two datasets, or sources: what they say of themselves, and their values."""
