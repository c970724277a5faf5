"""How fast crystals become predictions: ours beside other people's, measured alike."""
