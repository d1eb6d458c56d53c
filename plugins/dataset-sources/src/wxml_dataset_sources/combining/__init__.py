"""Sources that are made of other sources, whichever those are: joined, cut, renamed, converted."""
