"""Who a record belongs to: pure functions from identifiers to keys, and from records to persons.

normalise    identifiers of a record -> keys that may link, name, accounts, and what may not link
contacts     mail addresses and phone numbers -> one spelling, and why some identify nobody
names        free-text names -> parts, and whether two names can be one person's
records      what clustering reads (`Record`, `Must`, `Cut`, `Rules`) and returns (`Partition`)
components   which records must be looked at together, and which values are generic
manual       merges and splits by people: which of them stand where they contradict each other
cluster      records -> persons
agglomerate  the part of it that decides where evidence contradicts itself
clusters     what objects to two clusters being one person
evidence     why the records of a person are together, and which persons share a value
"""
