"""What runs: the lane, the sender, the console, and the supervisor that keeps them alive."""
