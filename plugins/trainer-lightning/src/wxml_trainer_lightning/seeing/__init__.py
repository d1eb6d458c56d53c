"""What a person sees of a training: callbacks, drawings, tables, and the report."""
