"""The parts that a config or a checkpoint describes, made once for training and forecasting alike."""
