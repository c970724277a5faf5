"""Relaxing what people hand in: files and tables in, one table out, any kill survived."""
