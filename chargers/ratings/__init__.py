"""What kind of current a charge point gives and how much power, and what says so."""
