"""Where oracle calls happen: here, in processes, on Ray, on machines that share a database."""
