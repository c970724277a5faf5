"""Crash safety as a property: kills and faults, and what must be left afterwards."""
