"""Network profiles of charge points of 2.x, and the move to another security profile with its way back."""
