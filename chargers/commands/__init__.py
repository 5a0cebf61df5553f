"""Orders to charge points: giving them, in our words or in those of OCPP, and keeping what became of them."""
