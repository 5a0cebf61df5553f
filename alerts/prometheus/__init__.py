"""The Prometheus beside the house: its alerts and rules to look at, and the group `console-managed` to keep."""
