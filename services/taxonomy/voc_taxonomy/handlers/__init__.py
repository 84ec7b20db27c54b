"""Use cases of taxonomy: load by the repository, decide by the domain, save and return what follows."""
