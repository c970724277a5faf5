"""From computed gaps to the gap that is measured.

| module | what it offers |
|---|---|
| ``formulas`` | formulas as counts of elements |
| ``composition`` | what a network makes of a composition alone |
| ``hurdle`` | whether there is a gap, how large, and how sure |
| ``gap`` | :class:`~models.measured.gap.MeasuredGap`, the correction as it is shipped |
| ``pretrain``, ``examples``, ``learn`` | how it is made |
"""
