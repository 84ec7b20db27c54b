"""identity: attaches records to persons and accounts; merge, split, undo, erase.

Consumes  FeedbackReceived, ActivityReceived (voc.feedback, voc.activity), TenantConfigured (voc.tenants)
Produces  FeedbackIdentified, ActivityIdentified, RecordsMoved, RecordsErased (voc.people)
Owns      the identifiers of people, the partition of records into persons, the manual edges
"""
