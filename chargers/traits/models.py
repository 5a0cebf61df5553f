"""What is peculiar to a model or a single charge point, and what deviations were seen."""
