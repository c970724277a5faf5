"""New candidates: prototypes decorated with elements, at a sane first volume."""
