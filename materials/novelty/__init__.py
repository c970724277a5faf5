"""Which crystals are known already, and which are the same among themselves."""
