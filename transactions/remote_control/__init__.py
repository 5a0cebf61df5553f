"""Remote starts that nothing followed, and charging that belongs to no transaction."""
