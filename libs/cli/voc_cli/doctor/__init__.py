"""`voc doctor`: what is wrong with this installation, and what to do about it."""

from voc_cli.doctor.examination import examine
from voc_cli.doctor.finding import Finding, Level

__all__ = ["Finding", "Level", "examine"]
