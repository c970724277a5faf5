"""Where oracle calls happen: here, in worker processes, on a cluster."""
