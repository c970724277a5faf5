"""Other people's small data: three ways to learn from them, compared, and the best kept."""
