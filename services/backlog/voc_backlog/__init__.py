"""backlog: hot issues become items with an owner, a rank, and a trail of who did what.

Consumes  HotIssueChanged (voc.hot-issues), TaxonomyPublished (voc.taxonomy), TenantConfigured (voc.tenants)
Produces  ItemChanged (voc.backlog)
Owns      items, their audit trail, the routes to owners, what people flagged
"""
