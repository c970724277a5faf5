"""How far predictions may be trusted."""

from __future__ import annotations

from models.uncertainty.calibration import Calibration, Coverage, calibrate, coverage

__all__ = ["Calibration", "Coverage", "calibrate", "coverage"]
