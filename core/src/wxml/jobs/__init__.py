"""What each long command does, as a function of files: train, forecast, verify, and the demo that does all three."""
