"""What is killed: commands as users give them, small ones."""
