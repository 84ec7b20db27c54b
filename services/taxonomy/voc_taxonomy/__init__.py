"""taxonomy: gives feedback its root causes, stage, severity and sentiment; learns from corrections.

Consumes  FeedbackIdentified (voc.feedback.identified), RecordsMoved and RecordsErased (voc.people),
          TenantConfigured (voc.tenants)
Produces  FeedbackClassified (voc.feedback.classified), TaxonomyPublished (voc.taxonomy)
Owns      texts, taxonomies, models, corrections
"""
