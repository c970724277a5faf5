"""Pictures of campaigns, predictions and crystals, each also as data."""
