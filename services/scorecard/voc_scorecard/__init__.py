"""The scorecard: counts every record and person once, whatever order events come in, and finds what runs hot.

Consumes FeedbackClassified, ActivityIdentified, RecordsMoved, RecordsErased, TaxonomyPublished,
TenantConfigured and ItemChanged. Owns joined record states, counters, the journal and hot issues.
"""
