"""The sections of a report, one module each, from the question to the licences."""
