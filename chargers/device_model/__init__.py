"""What a charge point of 2.x is made of: components and their variables, as its reports tell."""
