"""How fast screening is, where its time goes, and how others fare on the same crystals."""
