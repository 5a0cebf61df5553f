"""Whether connectors should be in service, apart from what charge points report."""
