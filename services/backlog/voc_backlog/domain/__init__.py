"""What an item is and becomes: pure functions of its issues, the tenant's ground, and what people said.

issues    hot issues as they are told, joined over their versions
states    states of an item and the steps between them, as data
items     an item: what people said of it, and what follows
ground    what a tenant goes by: policy, weights, taxonomy, routes
routing   who owns an item
priority  what waiting costs, term by term
filing    which issues make which items
acts      what people do to an item
"""
