"""What people are told of alerts: planned with the alert's change, sent by tasks, and kept with its outcome."""
