"""What all workers of a cluster need, and make together once."""
