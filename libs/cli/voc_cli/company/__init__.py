"""A believable company whose feedback the demo streams through the front door; pure and seeded."""

from voc_cli.company.forms import ACTIVITIES, is_activity, key_of, restamped
from voc_cli.company.story import Company, company
from voc_cli.company.truth import Campaign, Key, Outbreak, Truth, WrongMerge

__all__ = [
    "ACTIVITIES",
    "Campaign",
    "Company",
    "Key",
    "Outbreak",
    "Truth",
    "WrongMerge",
    "company",
    "is_activity",
    "key_of",
    "restamped",
]
