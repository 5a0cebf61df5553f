"""What Prometheus and Alertmanager have in common: how they are asked, whether they answer, the files they read."""
