"""Sessions that got stuck: found, with the evidence, and put right by people, who leave their name and reason."""
