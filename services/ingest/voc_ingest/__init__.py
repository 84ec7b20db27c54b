"""The ingest service: the front door and the archive.

Consumes RecordsErased. Produces FeedbackReceived, ActivityReceived, TenantConfigured and the ticks. Owns
sources, tenant settings and the archive of every accepted revision; what is in the archive is accepted.
"""
