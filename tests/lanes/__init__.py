"""The lanes that the tests run in: databases, brokers, Prometheus, Alertmanager and Chromium, each provided.

`python -m tests.lanes test` is what `make test` runs; `python -m tests.lanes up` starts throwaway services
for work by hand. What a lane uses is, in this order: what an environment variable names, a program that is
installed, a Debian package where one may be installed (CSMS_TEST_INSTALL=no forbids it), a Docker engine.
Kafka is fetched with Maven, by its own settings.
"""
