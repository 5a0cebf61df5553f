"""What charging costs: tariffs, where they hold, and the cost of each transaction."""
