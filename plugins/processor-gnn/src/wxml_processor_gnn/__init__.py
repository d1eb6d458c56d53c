"""Graph neural network processor and mapper (interaction networks)."""
