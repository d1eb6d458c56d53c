"""The page with an interactive globe."""
