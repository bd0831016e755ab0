"""What post-selection keeps."""

from __future__ import annotations

from typing import Literal

Keep = float | Literal["all-passed"]
"""Shots with all detectors right, or a fraction of the shots: the most trustworthy."""
ALL_PASSED: Literal["all-passed"] = "all-passed"

MOST_CORRECTIONS = 8
"""Most independent corrections: all of their products are compared."""
