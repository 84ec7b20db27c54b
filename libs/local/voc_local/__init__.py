"""A real Postgres and a real Apache Kafka from Python packages: the embedded default and the tests' ground.

It consumes nothing but two wheels and a set of jars whose hashes are committed beside this file,
and owns one folder (`home`). No Docker, Java, Maven or database has to be installed, no user is
created, and nothing outlives the process that started it.
"""
