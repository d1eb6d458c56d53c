"""The optimizers, one plugin a file; torch comes with what they make."""
