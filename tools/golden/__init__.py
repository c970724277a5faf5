"""Golden numbers: what shipped models, hull and burdens say of a hundred crystals."""
