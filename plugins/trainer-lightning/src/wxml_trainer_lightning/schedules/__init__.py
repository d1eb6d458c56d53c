"""The schedules of the learning rate, one plugin a file; none needs torch."""
