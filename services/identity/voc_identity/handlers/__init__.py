"""Use cases of identity: load by the repository, decide by the domain, save and return what follows."""
