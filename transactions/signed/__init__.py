"""What meters sign, kept byte for byte with its public key."""
