"""From a trained network and 10 to 1,000 oracle labels to better predictions."""
