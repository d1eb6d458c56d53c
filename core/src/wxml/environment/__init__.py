"""What is installed: distributions, their requirements, where they came from, and how to install more."""
