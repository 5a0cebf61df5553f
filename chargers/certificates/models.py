"""Certificates of charge points: requests and their signing, what is installed, what expires."""
