"""How good the predictor is, beside what composition alone would tell."""
